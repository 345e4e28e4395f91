/// index[r, i] := which element is the i-th, rank := its inverse.
struct Params {
  length: u32,
  columns: u32,
  width: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> list: array<vec2u>;
@group(0) @binding(2) var<storage, read_write> index: array<u32>;
@group(0) @binding(3) var<storage, read_write> rank: array<u32>;

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
  let column = i % params.columns;
  let row = i / params.columns;
  let at = list[row * params.width + column].y;
  index[i] = at;
  rank[row * params.columns + at] = column;
}
