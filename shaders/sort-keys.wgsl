/// list[r, i] := (x[r, i], i), x's numbers as words in their order: both zeros are one, NaN is the
/// largest. A row of the list has `width` entries, a power of two; those that x lacks come last.
/// Constant: FLOATS, else x holds words.
struct Params {
  length: u32,
  columns: u32,
  width: u32,
  flipped: u32, // the keys' bits, of a descending order
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> list: array<vec2u>;

fn keyOf(bits: u32) -> u32 {
  if (!FLOATS) {
    return bits;
  }
  let size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) {
    return 0xffffffffu;
  }
  if (size == 0) {
    return 0x80000000u;
  }
  return select(bits | 0x80000000u, ~bits, bits >> 31u == 1);
}

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
  let column = i % params.width;
  var key = 0xffffffffu;
  if (column < params.columns) {
    key = keyOf(x[i / params.width * params.columns + column]) ^ params.flipped;
  }
  list[i] = vec2u(key, column);
}
