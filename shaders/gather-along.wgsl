/// out[r, i] := x[r, index[r, i]], 0 where the index is not below `columns`.
struct Params {
  length: u32,
  picked: u32,
  columns: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read> index: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<u32>;

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
  let at = index[i];
  var value = 0u;
  if (at < params.columns) {
    value = x[i / params.picked * params.columns + at];
  }
  out[i] = value;
}
