// Operands of a GEMM whose contiguous dimensions are multiples of 4. Indices count elements.
// Constants: Operand and Result, vec4f or vec4h.
@group(0) @binding(1) var<storage, read> a: array<Operand>;
@group(0) @binding(2) var<storage, read> b: array<Operand>;
@group(0) @binding(3) var<storage, read_write> out: array<Result>;

/// Elements index .. index + 3; there are always 4 of them.
fn readA(index: u32, count: u32) -> vec4f {
  return vec4f(a[index / 4u]);
}

fn readB(index: u32, count: u32) -> vec4f {
  return vec4f(b[index / 4u]);
}

fn write(index: u32, value: vec4f, count: u32) {
  out[index / 4u] = Result(value);
}
