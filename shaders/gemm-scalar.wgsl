// Operands of a GEMM of any size. Indices count elements. Constants: Operand and Result, f32 or f16.
@group(0) @binding(1) var<storage, read> a: array<Operand>;
@group(0) @binding(2) var<storage, read> b: array<Operand>;
@group(0) @binding(3) var<storage, read_write> out: array<Result>;

/// Elements index .. index + 3, zero from `count` (at least 1) on. Without branches, because on
/// software adapters they cost more than the loads.
fn readA(index: u32, count: u32) -> vec4f {
  let last = count - 1u;
  let value = vec4f(
    f32(a[index]),
    f32(a[index + min(1u, last)]),
    f32(a[index + min(2u, last)]),
    f32(a[index + min(3u, last)]),
  );
  return select(vec4f(), value, vec4u(0u, 1u, 2u, 3u) < vec4u(count));
}

fn readB(index: u32, count: u32) -> vec4f {
  let last = count - 1u;
  let value = vec4f(
    f32(b[index]),
    f32(b[index + min(1u, last)]),
    f32(b[index + min(2u, last)]),
    f32(b[index + min(3u, last)]),
  );
  return select(vec4f(), value, vec4u(0u, 1u, 2u, 3u) < vec4u(count));
}

fn write(index: u32, value: vec4f, count: u32) {
  for (var i = 0u; i < 4u; i++) {
    if (i < count) {
      out[index + i] = Result(value[i]);
    }
  }
}
