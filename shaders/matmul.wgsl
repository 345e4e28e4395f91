// Loader: A [m, k] or [k, m] if A_ALONG_M; B [k, n] or [n, k] if B_ALONG_K.
// z counts batch entries and, inside one, splits of k: each is one segment of p.segment steps.
struct Params {
  m: u32,
  n: u32,
  /// Batch entries times splits.
  count: u32,
  segment: u32,
  k: u32,
  splits: u32,
  strideA: u32,
  strideB: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(4) var<storage, read> bias: array<f32>;

struct RowA {
  start: u32,
  /// Elements left in the contiguous direction: rows if A_ALONG_M, unused otherwise.
  left: u32,
}

struct ColB {
  start: u32,
  left: u32,
}

fn segments(p: Params, z: u32) -> vec2u {
  let split = z % p.splits;
  return vec2u(split, split + 1u);
}

fn rowA(p: Params, z: u32, m: u32) -> RowA {
  let row = min(m, p.m - 1u);
  let start = z / p.splits * p.strideA;
  if (A_ALONG_M) {
    return RowA(start + row, p.m - row);
  }
  return RowA(start + row * p.k, 0u);
}

fn segmentA(p: Params, z: u32, row: RowA, s: u32) -> u32 {
  return s * p.segment;
}

fn loadA(p: Params, row: RowA, start: u32, step: u32) -> vec4f {
  let k = start + step;
  if (TAIL_K && k >= p.k) {
    return vec4f();
  }
  if (A_ALONG_M) {
    return readA(row.start + k * p.m, row.left);
  }
  return readA(row.start + k, p.k - k);
}

fn colB(p: Params, z: u32, n: u32) -> ColB {
  let column = min(n, p.n - 1u);
  let start = z / p.splits * p.strideB;
  if (B_ALONG_K) {
    return ColB(start + column * p.k, 0u);
  }
  return ColB(start + column, p.n - column);
}

fn segmentB(p: Params, z: u32, col: ColB, s: u32) -> u32 {
  return s * p.segment;
}

fn loadB(p: Params, col: ColB, start: u32, step: u32) -> vec4f {
  let k = start + step;
  if (TAIL_K && k >= p.k) {
    return vec4f();
  }
  if (B_ALONG_K) {
    return readB(col.start + k, p.k - k);
  }
  return readB(col.start + k * p.n, col.left);
}

fn store(p: Params, z: u32, m: u32, n: u32, value: vec4f) {
  if (m >= p.m || n >= p.n) {
    return;
  }
  var result = value;
  if (HAS_BIAS) {
    for (var i = 0u; i < 4u; i++) {
      result[i] += bias[min(n + i, p.n - 1u)];
    }
  }
  write((z * p.m + m) * p.n + n, result, p.n - n);
}
