// Loader: the gradient of a convolution's input, a GEMM over the taps that reach a pixel.
//
// dx[h, w] sums the taps i with (h + pad - i) divisible by the stride. Pixels of one phase,
// h = phase + stride * a, share these taps: i = first + stride * t, read from
// dy row oh = (phase + pad - first) / stride + a - t. So z is the phase (x fastest), a segment one
// of its taps, and nothing is multiplied by an inserted zero. Steps are output channels.
struct Params {
  m: u32,
  n: u32,
  count: u32,
  segment: u32,
  size: vec2u,
  outSize: vec2u,
  kernel: vec2u,
  stride: vec2u,
  pad: vec2u,
  batch: u32,
}
@group(0) @binding(0) var<uniform> params: Params;

struct RowA {
  /// First pixel of the image in dy, and the pixel (x, y) that tap 0 of the phase reads.
  image: u32,
  at: vec2u,
}

struct ColB {
  n: u32,
}

fn phaseOf(p: Params, z: u32) -> vec2u {
  return vec2u(z % p.stride.x, z / p.stride.x);
}

/// Pixels of a phase in x and y.
fn phaseSize(p: Params, phase: vec2u) -> vec2u {
  return (p.size + p.stride - 1u - phase) / p.stride;
}

fn firstTap(p: Params, phase: vec2u) -> vec2u {
  return (phase + p.pad) % p.stride;
}

/// Taps of a phase in x and y; none if the stride is larger than the kernel there.
fn tapsOf(p: Params, phase: vec2u) -> vec2u {
  return (p.kernel + p.stride - 1u - min(firstTap(p, phase), p.kernel + p.stride - 1u)) / p.stride;
}

fn segments(p: Params, z: u32) -> vec2u {
  let taps = tapsOf(p, phaseOf(p, z));
  return vec2u(0u, taps.x * taps.y);
}

/// Image, x and y (counted within the phase) of row m.
fn pixelOf(p: Params, phase: vec2u, m: u32) -> vec3u {
  let size = max(phaseSize(p, phase), vec2u(1u));
  let row = m / size.x;
  return vec3u(row / size.y, m % size.x, row % size.y);
}

fn rowA(p: Params, z: u32, m: u32) -> RowA {
  let phase = phaseOf(p, z);
  let pixel = pixelOf(p, phase, m);
  let at = pixel.yz + (phase + p.pad) / p.stride;
  return RowA(min(pixel.x, p.batch - 1u) * p.outSize.x * p.outSize.y, at);
}

fn segmentA(p: Params, z: u32, row: RowA, s: u32) -> u32 {
  let across = tapsOf(p, phaseOf(p, z)).x;
  let at = row.at - vec2u(s % across, s / across);
  if (any(at >= p.outSize)) { // negative wraps to large
    return none;
  }
  return (row.image + at.y * p.outSize.x + at.x) * p.segment;
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
  let phase = phaseOf(p, z);
  let across = tapsOf(p, phase).x;
  let tap = firstTap(p, phase) + p.stride * vec2u(s % across, s / across);
  return ((tap.y * p.kernel.x + tap.x) * p.n + col.n) * p.segment;
}

fn loadB(p: Params, col: ColB, start: u32, k: u32) -> vec4f {
  return readB(start + k, p.segment - k);
}

fn store(p: Params, z: u32, m: u32, n: u32, value: vec4f) {
  let phase = phaseOf(p, z);
  let size = phaseSize(p, phase);
  if (m >= p.batch * size.x * size.y || n >= p.n) {
    return;
  }
  let pixel = pixelOf(p, phase, m);
  let at = pixel.yz * p.stride + phase;
  write(((pixel.x * p.size.y + at.y) * p.size.x + at.x) * p.n + n, value, p.n - n);
}
