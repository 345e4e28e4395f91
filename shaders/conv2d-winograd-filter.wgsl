// Weights [3, 3, cIn, cOut] to 36 matrices, G g G': [cIn, cOut], or if FLIPPED [cOut, cIn] of the
// filter turned by 180 degrees, whose convolution gives the gradient of the input. Weights are
// stored as Weight, the matrices in float32.
struct Params {
  cIn: u32,
  cOut: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weights: array<Weight>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

fn weight(size: u32, pair: u32, tap: u32) -> f32 {
  return f32(weights[select(tap, 8u - tap, FLIPPED) * size + pair]);
}

fn column(size: u32, pair: u32, x: u32) -> Six {
  return transformFilter(Three(
    weight(size, pair, x),
    weight(size, pair, x + 3u),
    weight(size, pair, x + 6u),
  ));
}

fn storeRow(size: u32, index: u32, row: u32, values: Six) {
  let at = row * 6u * size + index;
  out[at] = values[0];
  out[at + size] = values[1];
  out[at + 2u * size] = values[2];
  out[at + 3u * size] = values[3];
  out[at + 4u * size] = values[4];
  out[at + 5u * size] = values[5];
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let p = params;
  let size = p.cIn * p.cOut;
  let index = groupIndex(id, counts) * 64u + lane;
  if (index >= size) {
    return;
  }
  let pair = select(index, index % p.cIn * p.cOut + index / p.cIn, FLIPPED);
  let c0 = column(size, pair, 0u);
  let c1 = column(size, pair, 1u);
  let c2 = column(size, pair, 2u);
  storeRow(size, index, 0u, transformFilter(Three(c0[0], c1[0], c2[0])));
  storeRow(size, index, 1u, transformFilter(Three(c0[1], c1[1], c2[1])));
  storeRow(size, index, 2u, transformFilter(Three(c0[2], c1[2], c2[2])));
  storeRow(size, index, 3u, transformFilter(Three(c0[3], c1[3], c2[3])));
  storeRow(size, index, 4u, transformFilter(Three(c0[4], c1[4], c2[4])));
  storeRow(size, index, 5u, transformFilter(Three(c0[5], c1[5], c2[5])));
}
