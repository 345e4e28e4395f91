// out[z, i] = partial[z, 0, i] + partial[z, 1, i] + ... (+ bias[i % n]), in this order. Constants: HAS_BIAS,
// Result.
struct Params {
  size: u32,
  splits: u32,
  n: u32,
  total: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> partial: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<Result>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = groupIndex(id, counts) * 64u + lane;
  if (i >= p.total) {
    return;
  }
  let first = i / p.size * p.splits * p.size + i % p.size;
  var sum = partial[first];
  for (var split = 1u; split < p.splits; split++) {
    sum += partial[first + split * p.size];
  }
  if (HAS_BIAS) {
    sum += bias[i % p.n];
  }
  out[i] = Result(sum);
}
