/// out[r, :] := the sum of the rows dy[i, :] with index[i] = r, in the order of i: each element of
/// the result looks for its own terms, so no two invocations write the same place. Constant: V.
struct Params {
  length: u32,
  columns: u32,
  picked: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<V>;
@group(0) @binding(2) var<storage, read> index: array<u32>;
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
  var total = V(0);
  for (var pick = 0u; pick < params.picked; pick++) {
    if (index[pick] == row) {
      total += dy[pick * params.columns + column];
    }
  }
  out[i] = total;
}
