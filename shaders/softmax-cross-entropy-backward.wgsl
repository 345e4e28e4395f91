/// dlogits := dloss * (probabilities * (on + off * (classes - 1)) - t)
struct Params {
  length: u32,
  classes: u32,
  on: f32,
  off: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> probabilities: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read> dloss: array<f32>;
@group(0) @binding(4) var<storage, read_write> dlogits: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = groupIndex(id, counts) * 64 + lane;
  if (i >= params.length) {
    return;
  }
  let row = i / params.classes;
  let t = select(params.off, params.on, labels[row] == i % params.classes);
  let mass = params.on + params.off * f32(params.classes - 1);
  dlogits[i] = dloss[row] * (probabilities[i] * mass - t);
}
