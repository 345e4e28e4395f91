// Loader: the gradient of a convolution's weight, a GEMM of [kh*kw*cIn, pixels] x [pixels, cOut].
// A segment is one row of one output image, its steps are that row's pixels. z is a split: some of
// the rows, added into a partial result of its own.
struct Params {
  m: u32,
  n: u32,
  /// Splits.
  count: u32,
  /// Width of the output.
  segment: u32,
  size: vec2u,
  outHeight: u32,
  rows: u32,
  stride: vec2u,
  pad: vec2i,
  kernelWidth: u32,
  cIn: u32,
  rowsPerSplit: u32,
}
@group(0) @binding(0) var<uniform> params: Params;

struct RowA {
  channel: u32,
  /// The tap (x, y) less the padding.
  tap: vec2i,
}

struct ColB {
  n: u32,
}

fn segments(p: Params, z: u32) -> vec2u {
  return vec2u(z * p.rowsPerSplit, min((z + 1u) * p.rowsPerSplit, p.rows));
}

fn rowA(p: Params, z: u32, m: u32) -> RowA {
  let row = min(m, p.m - 1u);
  let tap = row / p.cIn;
  return RowA(row % p.cIn, vec2i(vec2u(tap % p.kernelWidth, tap / p.kernelWidth)) - p.pad);
}

fn segmentA(p: Params, z: u32, row: RowA, s: u32) -> u32 {
  let y = u32(i32(s % p.outHeight * p.stride.y) + row.tap.y);
  if (y >= p.size.y) { // negative wraps to large
    return none;
  }
  return (s / p.outHeight * p.size.y + y) * p.size.x;
}

/// Channels of the input pixel under the tap at step k; zero outside the image and the row.
fn pixelA(p: Params, row: RowA, start: u32, k: u32) -> vec4f {
  let x = u32(i32(k * p.stride.x) + row.tap.x);
  let inside = start != none && x < p.size.x && !(TAIL_K && k >= p.segment);
  let index = select(0u, (start + x) * p.cIn, inside) + row.channel;
  return select(vec4f(), readA(index, p.cIn - row.channel), inside);
}

fn loadA(p: Params, row: RowA, start: u32, k: u32) -> vec4f {
  if (A_ALONG_M) {
    return pixelA(p, row, start, k);
  }
  return vec4f(
    pixelA(p, row, start, k).x,
    pixelA(p, row, start, k + 1u).x,
    pixelA(p, row, start, k + 2u).x,
    pixelA(p, row, start, k + 3u).x,
  );
}

fn colB(p: Params, z: u32, n: u32) -> ColB {
  return ColB(min(n, p.n - 1u));
}

fn segmentB(p: Params, z: u32, col: ColB, s: u32) -> u32 {
  return s * p.segment;
}

fn loadB(p: Params, col: ColB, start: u32, k: u32) -> vec4f {
  if (TAIL_K && k >= p.segment) {
    return vec4f();
  }
  return readB((start + k) * p.n + col.n, p.n - col.n);
}

fn store(p: Params, z: u32, m: u32, n: u32, value: vec4f) {
  if (m < p.m && n < p.n) {
    write((z * p.m + m) * p.n + n, value, p.n - n);
  }
}
