// Operands of a GEMM of any size. Indices count elements.
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

/// Elements index .. index + 3, zero from `count` on.
fn readA(index: u32, count: u32) -> vec4f {
  var value = vec4f();
  for (var i = 0u; i < 4u; i++) {
    if (i < count) {
      value[i] = a[index + i];
    }
  }
  return value;
}

fn readB(index: u32, count: u32) -> vec4f {
  var value = vec4f();
  for (var i = 0u; i < 4u; i++) {
    if (i < count) {
      value[i] = b[index + i];
    }
  }
  return value;
}

fn write(index: u32, value: vec4f, count: u32) {
  for (var i = 0u; i < 4u; i++) {
    if (i < count) {
      out[index + i] = value[i];
    }
  }
}
