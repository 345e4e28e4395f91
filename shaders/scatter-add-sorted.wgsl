/// As scatter-add-rows, from a list of (index, i) that is sorted: each element of the result finds
/// its first term by bisection, and its terms lie together, in the order of i. Constant: V.
struct Params {
  length: u32,
  columns: u32,
  entries: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<V>;
@group(0) @binding(2) var<storage, read> list: array<vec2u>;
@group(0) @binding(3) var<storage, read_write> out: array<V>;

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
  let row = i / params.columns;
  let column = i % params.columns;
  var low = 0u;
  var high = params.entries;
  while (low < high) {
    let middle = (low + high) / 2;
    if (list[middle].x < row) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  var total = V(0);
  while (low < params.entries && list[low].x == row) {
    total += dy[list[low].y * params.columns + column];
    low++;
  }
  out[i] = total;
}
