// Operands of a GEMM whose contiguous dimensions are multiples of 4. Indices count elements.
@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4f>;

/// Elements index .. index + 3; there are always 4 of them.
fn readA(index: u32, count: u32) -> vec4f {
  return a[index / 4u];
}

fn readB(index: u32, count: u32) -> vec4f {
  return b[index / 4u];
}

fn write(index: u32, value: vec4f, count: u32) {
  out[index / 4u] = value;
}
