/// out[i, :] := x[index[i], :], NaN where the index is out of range. Constant: V, a word or four.
struct Params {
  length: u32,
  columns: u32,
  rows: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
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
  let row = index[i / params.columns];
  var value = V(0x7fc00000);
  if (row < params.rows) {
    value = x[row * params.columns + i % params.columns];
  }
  out[i] = value;
}
