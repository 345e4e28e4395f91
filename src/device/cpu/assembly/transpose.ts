// A permutation whose result is contiguous along another dimension than its operand: matrices of
// `rows` (contiguous in x) by `columns` (contiguous in the result) are transposed in 4x4 tiles.
//
// Params: x, out, rows, columns, stride of a column in x, stride of a row in out, rank of the other
// dimensions, their sizes, their strides in x, their strides in out (in elements).

import { shareStart, storeTail } from "./simd";

/** Rows of one unit of work: with four columns they fill whole cache lines of x. */
const BAND: u32 = 32;

export function transpose(thread: i32, threads: i32, p: usize): void {
  const rows = load<u32>(p, 8);
  const rank = load<u32>(p, 24);
  const dims = p + 28;
  const inStrides = dims + 4 * rank;
  const outStrides = inStrides + 4 * rank;
  const rowStride: usize = 4 * <usize>load<u32>(p, 20);
  const bands = (rows + BAND - 1) / BAND;
  let units = bands;
  for (let d: u32 = 0; d < rank; d++) units *= load<u32>(dims + 4 * d);
  const end = shareStart(units, thread + 1, threads);
  for (let unit = shareStart(units, thread, threads); unit < end; unit++) {
    let rest = unit / bands;
    const first = (unit - rest * bands) * BAND;
    let x = load<usize>(p) + 4 * first;
    let out = load<usize>(p, 4) + rowStride * <usize>first;
    for (let d = <i32>rank - 1; d >= 0; d--) {
      const dim = load<u32>(dims + 4 * d);
      const index = rest % dim;
      rest /= dim;
      x += 4 * index * load<u32>(inStrides + 4 * d);
      out += 4 * index * load<u32>(outStrides + 4 * d);
    }
    transposeBand(p, x, out, min(BAND, rows - first));
  }
}

function transposeBand(p: usize, x: usize, out: usize, rows: u32): void {
  const columns = load<u32>(p, 12);
  const columnStride: usize = 4 * <usize>load<u32>(p, 16);
  const rowStride: usize = 4 * <usize>load<u32>(p, 20);
  for (let c: u32 = 0; c < columns; c += 4) {
    const lanes = columns - c;
    for (let r: u32 = 0; r < rows; r += 4) {
      const from = x + columnStride * <usize>c + 4 * <usize>r;
      const to = out + rowStride * <usize>r + 4 * <usize>c;
      const a = v128.load(from);
      const b = lanes > 1 ? v128.load(from + columnStride) : a;
      const d = lanes > 2 ? v128.load(from + 2 * columnStride) : a;
      const e = lanes > 3 ? v128.load(from + 3 * columnStride) : a;
      const abLow = i32x4.shuffle(a, b, 0, 4, 1, 5);
      const abHigh = i32x4.shuffle(a, b, 2, 6, 3, 7);
      const deLow = i32x4.shuffle(d, e, 0, 4, 1, 5);
      const deHigh = i32x4.shuffle(d, e, 2, 6, 3, 7);
      put(to, i64x2.shuffle(abLow, deLow, 0, 2), lanes);
      if (r + 1 < rows) put(to + rowStride, i64x2.shuffle(abLow, deLow, 1, 3), lanes);
      if (r + 2 < rows) put(to + 2 * rowStride, i64x2.shuffle(abHigh, deHigh, 0, 2), lanes);
      if (r + 3 < rows) put(to + 3 * rowStride, i64x2.shuffle(abHigh, deHigh, 1, 3), lanes);
    }
  }
}

// @ts-ignore: decorator
@inline
function put(to: usize, v: v128, lanes: u32): void {
  if (lanes >= 4) v128.store(to, v);
  else storeTail(to, v, lanes);
}
