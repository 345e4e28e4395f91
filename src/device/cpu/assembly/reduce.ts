// x seen as [outer, reduced, inner]. A first command reduces chunks of `chunk` elements of the
// reduced dimension to 8-byte partials [outer, chunks, inner], a second one combines them in order.
// The chunks depend on the shape only, never on the number of threads. Sums are kept in float64.

import { shareStart } from "./simd";

const SUM: u32 = 0;
const MEAN: u32 = 1;
const MAX: u32 = 2;
const ARGMAX: u32 = 3;
const MIN: u32 = 4;

/** Columns of one unit of work when inner > 1. */
const COLUMNS: u32 = 64;

// @ts-ignore: decorator
@inline
function promoteHigh(x: v128): v128 {
  return f64x2.promote_low_f32x4(i32x4.shuffle(x, x, 2, 3, 2, 3));
}

/** The float64 sum of n contiguous elements. */
function sumSpan(x: usize, n: u32): f64 {
  let a = f64x2.splat(0);
  let b = f64x2.splat(0);
  let c = f64x2.splat(0);
  let d = f64x2.splat(0);
  const last = x + 4 * <usize>n;
  const block = x + 4 * <usize>(n & ~7);
  for (; x < block; x += 32) {
    const u = v128.load(x);
    const v = v128.load(x, 16);
    a = f64x2.add(a, f64x2.promote_low_f32x4(u));
    b = f64x2.add(b, promoteHigh(u));
    c = f64x2.add(c, f64x2.promote_low_f32x4(v));
    d = f64x2.add(d, promoteHigh(v));
  }
  a = f64x2.add(f64x2.add(a, b), f64x2.add(c, d));
  let sum = f64x2.extract_lane(a, 0) + f64x2.extract_lane(a, 1);
  for (; x < last; x += 4) sum += <f64>load<f32>(x);
  return sum;
}

/** NaN wins. */
function maxSpan(x: usize, n: u32): f32 {
  const last = x + 4 * <usize>n;
  const block = x + 4 * <usize>(n & ~7);
  let a = f32x4.splat(-Infinity);
  let b = a;
  for (; x < block; x += 32) {
    a = f32x4.max(a, v128.load(x));
    b = f32x4.max(b, v128.load(x, 16));
  }
  a = f32x4.max(a, b);
  let best = max(
    max(f32x4.extract_lane(a, 0), f32x4.extract_lane(a, 1)),
    max(f32x4.extract_lane(a, 2), f32x4.extract_lane(a, 3)),
  );
  for (; x < last; x += 4) best = max(best, load<f32>(x));
  return best;
}

/** NaN wins. */
function minSpan(x: usize, n: u32): f32 {
  const last = x + 4 * <usize>n;
  const block = x + 4 * <usize>(n & ~3);
  let a = f32x4.splat(Infinity);
  for (; x < block; x += 16) a = f32x4.min(a, v128.load(x));
  let best = min(
    min(f32x4.extract_lane(a, 0), f32x4.extract_lane(a, 1)),
    min(f32x4.extract_lane(a, 2), f32x4.extract_lane(a, 3)),
  );
  for (; x < last; x += 4) best = min(best, load<f32>(x));
  return best;
}

/** Where the first of n contiguous elements is that `best` is the largest of; NaN is largest. */
function find(x: usize, n: u32, best: f32): u32 {
  const wanted = f32x4.splat(best);
  const invalid = best != best;
  let i: u32 = 0;
  for (; i + 4 <= n; i += 4) {
    const value = v128.load(x + 4 * <usize>i);
    const found = invalid ? f32x4.ne(value, value) : f32x4.eq(value, wanted);
    if (v128.any_true(found)) return i + ctz(i32x4.bitmask(found));
  }
  for (; i < n; i++) {
    const value = load<f32>(x + 4 * <usize>i);
    if (value == best || (invalid && value != value)) return i;
  }
  return 0;
}

/** Writes [largest value, its index counted from `first`]; NaN is largest, the lowest index wins. */
function argmaxSpan(x: usize, n: u32, first: u32, partial: usize): void {
  const best = maxSpan(x, n);
  store<f32>(partial, best);
  store<u32>(partial, first + find(x, n, best), 4);
}

/** The same of up to four columns whose rows lie `stride` bytes apart. */
function argmaxColumns(
  x: usize,
  stride: usize,
  n: u32,
  first: u32,
  partial: usize,
  columns: u32,
): void {
  let best = v128.load(x);
  let index = i32x4.splat(first);
  for (let i: u32 = 1; i < n; i++) {
    x += stride;
    const value = v128.load(x);
    const above = v128.andnot(f32x4.eq(best, best), f32x4.le(value, best));
    best = v128.bitselect(value, best, above);
    index = v128.bitselect(i32x4.splat(first + i), index, above);
  }
  const low = i32x4.shuffle(best, index, 0, 4, 1, 5);
  const high = i32x4.shuffle(best, index, 2, 6, 3, 7);
  i64.store(partial, i64x2.extract_lane(low, 0));
  if (columns > 1) i64.store(partial, i64x2.extract_lane(low, 1), 8);
  if (columns > 2) i64.store(partial, i64x2.extract_lane(high, 0), 16);
  if (columns > 3) i64.store(partial, i64x2.extract_lane(high, 1), 24);
}

/** a > b in an order where NaN is above infinity. */
// @ts-ignore: decorator
@inline
function isAbove(a: f32, b: f32): bool {
  return !(a <= b) && b == b;
}

/** Sums of four columns over n rows that lie `stride` bytes apart, to four float64 partials. */
function sumColumns(x: usize, stride: usize, n: u32, partial: usize, columns: u32): void {
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (let i: u32 = 0; i < n; i++, x += stride) {
    const v = v128.load(x);
    low = f64x2.add(low, f64x2.promote_low_f32x4(v));
    high = f64x2.add(high, promoteHigh(v));
  }
  f64.store(partial, f64x2.extract_lane(low, 0));
  if (columns > 1) f64.store(partial, f64x2.extract_lane(low, 1), 8);
  if (columns > 2) f64.store(partial, f64x2.extract_lane(high, 0), 16);
  if (columns > 3) f64.store(partial, f64x2.extract_lane(high, 1), 24);
}

function maxColumns(x: usize, stride: usize, n: u32, partial: usize, columns: u32): void {
  let best = f32x4.splat(-Infinity);
  for (let i: u32 = 0; i < n; i++, x += stride) best = f32x4.max(best, v128.load(x));
  storePartials(partial, best, columns);
}

function minColumns(x: usize, stride: usize, n: u32, partial: usize, columns: u32): void {
  let best = f32x4.splat(Infinity);
  for (let i: u32 = 0; i < n; i++, x += stride) best = f32x4.min(best, v128.load(x));
  storePartials(partial, best, columns);
}

// @ts-ignore: decorator
@inline
function storePartials(partial: usize, best: v128, columns: u32): void {
  f32.store(partial, f32x4.extract_lane(best, 0));
  if (columns > 1) f32.store(partial, f32x4.extract_lane(best, 1), 8);
  if (columns > 2) f32.store(partial, f32x4.extract_lane(best, 2), 16);
  if (columns > 3) f32.store(partial, f32x4.extract_lane(best, 3), 24);
}

/** Params: op, x, partials, outer, reduced, inner, chunk, chunks. */
export function reduce_partial(thread: i32, threads: i32, p: usize): void {
  const op = load<u32>(p);
  const x = load<usize>(p, 4);
  const partials = load<usize>(p, 8);
  const outer = load<u32>(p, 12);
  const reduced = load<u32>(p, 16);
  const inner = load<u32>(p, 20);
  const chunk = load<u32>(p, 24);
  const chunks = load<u32>(p, 28);
  const stripes = (inner + COLUMNS - 1) / COLUMNS;
  const units = outer * chunks * stripes;
  const end = shareStart(units, thread + 1, threads);
  const stride: usize = 4 * <usize>inner;
  for (let unit = shareStart(units, thread, threads); unit < end; unit++) {
    const stripe = unit % stripes;
    const block = unit / stripes;
    const o = block / chunks;
    const first = (block % chunks) * chunk;
    const n = min(chunk, reduced - first);
    const from = x + 4 * <usize>((o * reduced + first) * inner);
    const to = partials + 8 * <usize>(block * inner);
    if (inner == 1) {
      if (op == MAX) store<f32>(to, maxSpan(from, n));
      else if (op == MIN) store<f32>(to, minSpan(from, n));
      else if (op == ARGMAX) argmaxSpan(from, n, first, to);
      else store<f64>(to, sumSpan(from, n));
      continue;
    }
    const lastColumn = min((stripe + 1) * COLUMNS, inner);
    for (let c = stripe * COLUMNS; c < lastColumn; c += 4) {
      const columns = min(lastColumn - c, 4);
      const at = from + 4 * <usize>c;
      const partial = to + 8 * <usize>c;
      if (op == MAX) maxColumns(at, stride, n, partial, columns);
      else if (op == MIN) minColumns(at, stride, n, partial, columns);
      else if (op == ARGMAX) argmaxColumns(at, stride, n, first, partial, columns);
      else sumColumns(at, stride, n, partial, columns);
    }
  }
}

/** Params: op, partials, out, outer, inner, chunks, reduced. */
export function reduce_combine(thread: i32, threads: i32, p: usize): void {
  const op = load<u32>(p);
  const partials = load<usize>(p, 4);
  const out = load<usize>(p, 8);
  const inner = load<u32>(p, 16);
  const chunks = load<u32>(p, 20);
  const count = load<u32>(p, 12) * inner;
  const scale: f64 = op == MEAN ? 1.0 / <f64>load<u32>(p, 24) : 1.0;
  const end = shareStart(count, thread + 1, threads);
  const stride: usize = 8 * <usize>inner;
  for (let i = shareStart(count, thread, threads); i < end; i++) {
    const o = i / inner;
    let at = partials + 8 * <usize>(o * chunks * inner + (i - o * inner));
    const to = out + 4 * <usize>i;
    if (op == SUM || op == MEAN) {
      let sum: f64 = 0;
      for (let k: u32 = 0; k < chunks; k++, at += stride) sum += load<f64>(at);
      store<f32>(to, <f32>(sum * scale));
    } else if (op == MAX || op == MIN) {
      let best = load<f32>(at);
      for (let k: u32 = 1; k < chunks; k++) {
        at += stride;
        best = op == MAX ? max(best, load<f32>(at)) : min(best, load<f32>(at));
      }
      store<f32>(to, best);
    } else {
      let best = load<f32>(at);
      let index = load<u32>(at, 4);
      for (let k: u32 = 1; k < chunks; k++) {
        at += stride;
        if (isAbove(load<f32>(at), best)) {
          best = load<f32>(at);
          index = load<u32>(at, 4);
        }
      }
      store<u32>(to, index);
    }
  }
}
