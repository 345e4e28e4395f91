/// What the backward pass needs in evaluation mode, from the running statistics.
struct Params {
  channels: u32,
  eps: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> runningMean: array<f32>;
@group(0) @binding(2) var<storage, read> runningVar: array<f32>;
@group(0) @binding(3) var<storage, read_write> mean: array<f32>;
@group(0) @binding(4) var<storage, read_write> invStd: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let c = id.x;
  if (c < params.channels) {
    mean[c] = runningMean[c];
    invStd[c] = 1.0 / sqrt(runningVar[c] + params.eps);
  }
}
