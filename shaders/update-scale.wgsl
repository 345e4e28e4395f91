/// PyTorch's GradScaler.update, by one invocation.
struct Params {
  growth: f32,
  backoff: f32,
  interval: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
/// Scale, good steps, found, skipped.
@group(0) @binding(1) var<storage, read_write> state: array<f32>;

@compute @workgroup_size(1)
fn main() {
  if (state[2] != 0.0) {
    state[0] *= params.backoff;
    state[1] = 0.0;
    state[2] = 0.0;
    state[3] += 1.0;
    return;
  }
  let good = state[1] + 1.0;
  if (good < params.interval) {
    state[1] = good;
    return;
  }
  let grown = state[0] * params.growth;
  if ((bitcast<u32>(grown) & 0x7f800000u) != 0x7f800000u) {
    state[0] = grown;
  }
  state[1] = 0.0;
}
