/// out[i, c] := index[i] = c ? on : off
struct Params {
  length: u32,
  classes: u32,
  on: f32,
  off: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = groupIndex(id, counts) * 64 + lane;
  if (i < params.length) {
    out[i] = select(params.off, params.on, index[i / params.classes] == i % params.classes);
  }
}
