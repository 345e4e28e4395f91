// The gradient of batch norm in two passes over x and g, where g = relu && y <= 0 ? 0 : dy.

import { vectorWidth } from "./batchnorm";
import { fillSpan } from "./copy";
import { madd, shareStart, storeTail } from "./simd";

// @ts-ignore: decorator
@inline
function masked(dy: usize, y: usize, relu: bool): v128 {
  const g = v128.load(dy);
  if (!relu) return g;
  return v128.andnot(g, f32x4.le(v128.load(y), f32x4.splat(0)));
}

/**
 * Per block of rows: sum g and sum g (x - mean); writes g itself where it is wanted.
 * Params: x, y or 0, dy, mean, g or 0, partials [blocks, 2, width], rows, channels, block rows.
 */
export function batchnorm_backward_partial(thread: i32, threads: i32, p: usize): void {
  const mean = load<usize>(p, 12);
  const partials = load<usize>(p, 20);
  const rows = load<u32>(p, 24);
  const channels = load<u32>(p, 28);
  const blockRows = load<u32>(p, 32);
  const relu = load<usize>(p, 4) != 0;
  const writes = load<usize>(p, 16) != 0;
  const row: usize = 4 * <usize>channels;
  const whole: usize = 4 * <usize>(channels & ~3);
  const width: usize = 4 * <usize>vectorWidth(channels);
  const blocks = (rows + blockRows - 1) / blockRows;
  const end = shareStart(blocks, thread + 1, threads);
  for (let block = shareStart(blocks, thread, threads); block < end; block++) {
    const first = <usize>(block * blockRows) * row;
    const n = min(blockRows, rows - block * blockRows);
    let x = load<usize>(p) + first;
    let y = load<usize>(p, 4) + first;
    let dy = load<usize>(p, 8) + first;
    let out = load<usize>(p, 16) + first;
    const sums = partials + 2 * width * <usize>block;
    const products = sums + width;
    fillSpan(sums, f32x4.splat(0), <u32>(width >> 1));
    let i: u32 = 0;
    for (; i + 2 <= n; i += 2) {
      for (let c: usize = 0; c < width; c += 16) {
        const m = v128.load(mean + c);
        const g0 = masked(dy + c, y + c, relu);
        const g1 = masked(dy + row + c, y + row + c, relu);
        if (writes) {
          if (c < whole) {
            v128.store(out + c, g0);
            v128.store(out + row + c, g1);
          } else {
            storeTail(out + c, g0, channels & 3);
            storeTail(out + row + c, g1, channels & 3);
          }
        }
        const d0 = f32x4.sub(v128.load(x + c), m);
        const d1 = f32x4.sub(v128.load(x + row + c), m);
        v128.store(sums + c, f32x4.add(v128.load(sums + c), f32x4.add(g0, g1)));
        const product = madd(g0, d0, f32x4.mul(g1, d1));
        v128.store(products + c, f32x4.add(v128.load(products + c), product));
      }
      x += 2 * row;
      y += 2 * row;
      dy += 2 * row;
      out += 2 * row;
    }
    if (i < n) {
      for (let c: usize = 0; c < width; c += 16) {
        const g = masked(dy + c, y + c, relu);
        if (writes) {
          if (c < whole) v128.store(out + c, g);
          else storeTail(out + c, g, channels & 3);
        }
        v128.store(sums + c, f32x4.add(v128.load(sums + c), g));
        const d = f32x4.sub(v128.load(x + c), v128.load(mean + c));
        v128.store(products + c, madd(g, d, v128.load(products + c)));
      }
    }
  }
}

/**
 * dbeta = sum g; dgamma = sum g xhat; and the coefficients of
 * dx = scale * (g - shift - (x - mean) * slope): [3, width] = scale, shift, slope.
 * Params: partials, rows, channels, block rows, gamma, invStd, dgamma or 0, dbeta or 0, coefficients,
 * training (else shift and slope are 0).
 */
export function batchnorm_backward_finish(thread: i32, threads: i32, p: usize): void {
  const partials = load<usize>(p);
  const rows = load<u32>(p, 4);
  const channels = load<u32>(p, 8);
  const blockRows = load<u32>(p, 12);
  const coefficients = load<usize>(p, 32);
  const width: usize = 4 * <usize>vectorWidth(channels);
  const blocks = (rows + blockRows - 1) / blockRows;
  const perRow: f64 = load<u32>(p, 36) ? 1.0 / <f64>rows : 0.0;
  const end = shareStart(channels, thread + 1, threads);
  for (let c = shareStart(channels, thread, threads); c < end; c++) {
    const at: usize = 4 * <usize>c;
    let sum: f64 = 0;
    let product: f64 = 0;
    let from = partials + at;
    for (let b: u32 = 0; b < blocks; b++, from += 2 * width) {
      sum += <f64>load<f32>(from);
      product += <f64>load<f32>(from + width);
    }
    const invStd = <f64>load<f32>(load<usize>(p, 20) + at);
    const dgamma = product * invStd;
    if (load<usize>(p, 24)) store<f32>(load<usize>(p, 24) + at, <f32>dgamma);
    if (load<usize>(p, 28)) store<f32>(load<usize>(p, 28) + at, <f32>sum);
    const to = coefficients + at;
    store<f32>(to, <f32>(<f64>load<f32>(load<usize>(p, 16) + at) * invStd));
    store<f32>(to + width, <f32>(sum * perRow));
    store<f32>(to + 2 * width, <f32>(dgamma * perRow * invStd));
  }
}

/** Params: x, y or 0, g, mean, coefficients [3, width], dx, rows, channels. */
export function batchnorm_backward_apply(thread: i32, threads: i32, p: usize): void {
  const mean = load<usize>(p, 12);
  const scale = load<usize>(p, 16);
  const rows = load<u32>(p, 24);
  const channels = load<u32>(p, 28);
  const relu = load<usize>(p, 4) != 0;
  const row: usize = 4 * <usize>channels;
  const whole: usize = 4 * <usize>(channels & ~3);
  const width: usize = 4 * <usize>vectorWidth(channels);
  const shift = scale + width;
  const slope = shift + width;
  const start = shareStart(rows, thread, threads);
  const end = shareStart(rows, thread + 1, threads);
  const first = row * <usize>start;
  let x = load<usize>(p) + first;
  let y = load<usize>(p, 4) + first;
  let g = load<usize>(p, 8) + first;
  let dx = load<usize>(p, 20) + first;
  for (let r = start; r < end; r++) {
    for (let c: usize = 0; c < width; c += 16) {
      const centred = f32x4.sub(v128.load(x + c), v128.load(mean + c));
      let d = f32x4.sub(masked(g + c, y + c, relu), v128.load(shift + c));
      d = f32x4.sub(d, f32x4.mul(centred, v128.load(slope + c)));
      d = f32x4.mul(d, v128.load(scale + c));
      if (c < whole) v128.store(dx + c, d);
      else storeTail(dx + c, d, channels & 3);
    }
    x += row;
    y += row;
    g += row;
    dx += row;
  }
}

/**
 * Where no sum is wanted: dx = gamma * invStd * g, and g itself, each where it is wanted.
 * Params: y or 0, dy, gamma, invStd, dx or 0, g or 0, rows, channels.
 */
export function batchnorm_backward_scale(thread: i32, threads: i32, p: usize): void {
  const gamma = load<usize>(p, 8);
  const invStd = load<usize>(p, 12);
  const rows = load<u32>(p, 24);
  const channels = load<u32>(p, 28);
  const relu = load<usize>(p) != 0;
  const writesDx = load<usize>(p, 16) != 0;
  const writesG = load<usize>(p, 20) != 0;
  const row: usize = 4 * <usize>channels;
  const whole: usize = 4 * <usize>(channels & ~3);
  const width: usize = 4 * <usize>vectorWidth(channels);
  const start = shareStart(rows, thread, threads);
  const end = shareStart(rows, thread + 1, threads);
  const first = row * <usize>start;
  let y = load<usize>(p) + first;
  let dy = load<usize>(p, 4) + first;
  let dx = load<usize>(p, 16) + first;
  let out = load<usize>(p, 20) + first;
  for (let r = start; r < end; r++) {
    for (let c: usize = 0; c < width; c += 16) {
      const g = masked(dy + c, y + c, relu);
      const d = f32x4.mul(f32x4.mul(v128.load(gamma + c), v128.load(invStd + c)), g);
      if (c < whole) {
        if (writesG) v128.store(out + c, g);
        if (writesDx) v128.store(dx + c, d);
      } else {
        if (writesG) storeTail(out + c, g, channels & 3);
        if (writesDx) storeTail(dx + c, d, channels & 3);
      }
    }
    y += row;
    dy += row;
    dx += row;
    out += row;
  }
}
