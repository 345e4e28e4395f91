/// One pass of a bitonic sort: entries `apart` from each other are put in order, ascending in every
/// other block of `block` entries. Rows are powers of two, so one list holds them all; in the last
/// passes a block is a row, and every row is ascending.
struct Params {
  length: u32, // pairs
  apart: u32,
  block: u32,
  width: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> list: array<vec2u>;

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
  let low = i / params.apart * params.apart * 2 + i % params.apart;
  let a = list[low];
  let b = list[low + params.apart];
  let after = a.x > b.x || (a.x == b.x && a.y > b.y);
  let ascending = ((low % params.width) & params.block) == 0;
  if (after == ascending) {
    list[low] = b;
    list[low + params.apart] = a;
  }
}
