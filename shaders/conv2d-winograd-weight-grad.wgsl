// 36 matrices [cIn, cOut] to the weight's gradient [3, 3, cIn, cOut], G' m G, stored as Weight.
struct Params {
  /// cIn * cOut
  size: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> products: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<Weight>;

fn column(size: u32, index: u32, x: u32) -> Three {
  let at = x * size + index;
  return transformFilterAdjoint(Six(
    products[at],
    products[at + 6u * size],
    products[at + 12u * size],
    products[at + 18u * size],
    products[at + 24u * size],
    products[at + 30u * size],
  ));
}

fn storeRow(size: u32, index: u32, row: u32, values: Three) {
  let at = row * 3u * size + index;
  out[at] = Weight(values[0]);
  out[at + size] = Weight(values[1]);
  out[at + 2u * size] = Weight(values[2]);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let size = params.size;
  let index = groupIndex(id, counts) * 64u + lane;
  if (index >= size) {
    return;
  }
  let c0 = column(size, index, 0u);
  let c1 = column(size, index, 1u);
  let c2 = column(size, index, 2u);
  let c3 = column(size, index, 3u);
  let c4 = column(size, index, 4u);
  let c5 = column(size, index, 5u);
  storeRow(size, index, 0u, transformFilterAdjoint(Six(c0[0], c1[0], c2[0], c3[0], c4[0], c5[0])));
  storeRow(size, index, 1u, transformFilterAdjoint(Six(c0[1], c1[1], c2[1], c3[1], c4[1], c5[1])));
  storeRow(size, index, 2u, transformFilterAdjoint(Six(c0[2], c1[2], c2[2], c3[2], c4[2], c5[2])));
}
