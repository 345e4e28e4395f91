// Loader: convolution as a GEMM of [pixels, kh*kw*cIn] x [kh*kw*cIn, cOut].
// A segment is one tap of the filter, its steps are input channels.
struct Params {
  m: u32,
  n: u32,
  count: u32,
  segment: u32,
  size: vec2u,
  outSize: vec2u,
  kernel: vec2u,
  stride: vec2u,
  pad: vec2i,
}
@group(0) @binding(0) var<uniform> params: Params;

struct RowA {
  /// First pixel of the image, and the window's corner (x, y) in it.
  image: u32,
  corner: vec2i,
}

struct ColB {
  n: u32,
}

fn segments(p: Params, z: u32) -> vec2u {
  return vec2u(0u, p.kernel.x * p.kernel.y);
}

fn rowA(p: Params, z: u32, m: u32) -> RowA {
  let pixel = min(m, p.m - 1u);
  let row = pixel / p.outSize.x;
  let at = vec2u(pixel % p.outSize.x, row % p.outSize.y);
  return RowA(row / p.outSize.y * p.size.x * p.size.y, vec2i(at * p.stride) - p.pad);
}

fn segmentA(p: Params, z: u32, row: RowA, s: u32) -> u32 {
  let at = vec2u(row.corner + vec2i(vec2u(s % p.kernel.x, s / p.kernel.x)));
  if (any(at >= p.size)) { // negative wraps to large
    return none;
  }
  return (row.image + at.y * p.size.x + at.x) * p.segment;
}

fn loadA(p: Params, row: RowA, start: u32, k: u32) -> vec4f {
  if (start == none) {
    return vec4f();
  }
  return readA(start + k, p.segment - k);
}

fn colB(p: Params, z: u32, n: u32) -> ColB {
  return ColB(min(n, p.n - 1u));
}

fn segmentB(p: Params, z: u32, col: ColB, s: u32) -> u32 {
  return s * p.segment * p.n + col.n;
}

fn loadB(p: Params, col: ColB, start: u32, k: u32) -> vec4f {
  if (TAIL_K && k >= p.segment) {
    return vec4f();
  }
  return readB(start + k * p.n, p.n - col.n);
}
