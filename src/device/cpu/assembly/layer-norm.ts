// Layer norm and group norm. x is [outer, positions, groups, width]; a unit, one group of one outer
// entry, is `positions` runs of `width` numbers, normalised together. Sums of runs are float32, sums
// over runs float64.

import { madd, shareStart } from "./simd";

// @ts-ignore: decorator
@inline
function lanes(v: v128): f64 {
  const low = <f64>f32x4.extract_lane(v, 0) + <f64>f32x4.extract_lane(v, 1);
  return low + <f64>f32x4.extract_lane(v, 2) + <f64>f32x4.extract_lane(v, 3);
}

function sumOf(x: usize, width: usize): f64 {
  const whole = width & ~15;
  let sums = f32x4.splat(0);
  for (let i: usize = 0; i < whole; i += 16) sums = f32x4.add(sums, v128.load(x + i));
  let sum = lanes(sums);
  for (let i = whole; i < width; i += 4) sum += <f64>load<f32>(x + i);
  return sum;
}

function squaresOf(x: usize, width: usize, center: f32): f64 {
  const whole = width & ~15;
  let sums = f32x4.splat(0);
  for (let i: usize = 0; i < whole; i += 16) {
    const d = f32x4.sub(v128.load(x + i), f32x4.splat(center));
    sums = madd(d, d, sums);
  }
  let sum = lanes(sums);
  for (let i = whole; i < width; i += 4) {
    const d = <f64>(load<f32>(x + i) - center);
    sum += d * d;
  }
  return sum;
}

/** Params: x, gamma or 0, beta or 0, mean, invStd, out, units, positions, groups, width, eps. */
export function layer_norm(thread: i32, threads: i32, p: usize): void {
  const positions = load<u32>(p, 28);
  const groups = load<u32>(p, 32);
  const width: usize = 4 * <usize>load<u32>(p, 36);
  const eps = <f64>load<f32>(p, 40);
  const samples = <f64>positions * <f64>(width >> 2);
  const step = <usize>groups * width;
  const end = shareStart(load<u32>(p, 24), thread + 1, threads);
  for (let unit = shareStart(load<u32>(p, 24), thread, threads); unit < end; unit++) {
    const group = unit % groups;
    const first = <usize>(unit / groups) * positions * step + <usize>group * width;
    const x = load<usize>(p) + first;
    let sum: f64 = 0;
    for (let r: u32 = 0; r < positions; r++) sum += sumOf(x + <usize>r * step, width);
    const center = <f32>(sum / samples);
    let squares: f64 = 0;
    for (let r: u32 = 0; r < positions; r++) squares += squaresOf(x + <usize>r * step, width, center);
    const scale = <f32>(1.0 / Math.sqrt(squares / samples + eps));
    store<f32>(load<usize>(p, 12) + 4 * <usize>unit, center);
    store<f32>(load<usize>(p, 16) + 4 * <usize>unit, scale);
    const column = <usize>group * width;
    const gamma = load<usize>(p, 4) ? load<usize>(p, 4) + column : 0;
    const beta = load<usize>(p, 8) ? load<usize>(p, 8) + column : 0;
    for (let r: u32 = 0; r < positions; r++) {
      const from = x + <usize>r * step;
      normalise(from, gamma, beta, load<usize>(p, 20) + first + <usize>r * step, width, center, scale);
    }
  }
}

function normalise(
  x: usize,
  gamma: usize,
  beta: usize,
  out: usize,
  width: usize,
  center: f32,
  scale: f32,
): void {
  const whole = width & ~15;
  for (let i: usize = 0; i < whole; i += 16) {
    let y = f32x4.sub(v128.load(x + i), f32x4.splat(center));
    y = f32x4.mul(y, f32x4.splat(scale));
    if (gamma) y = f32x4.mul(y, v128.load(gamma + i));
    if (beta) y = f32x4.add(y, v128.load(beta + i));
    v128.store(out + i, y);
  }
  for (let i = whole; i < width; i += 4) {
    let y = (load<f32>(x + i) - center) * scale;
    if (gamma) y *= load<f32>(gamma + i);
    if (beta) y += load<f32>(beta + i);
    store<f32>(out + i, y);
  }
}

/**
 * dx = invStd * (g - sum g / n - xhat * sum (g xhat) / n), g = dy * gamma, xhat = (x - mean) * invStd.
 * Params: x, dy, gamma or 0, mean, invStd, dx, units, positions, groups, width.
 */
export function layer_norm_gradient(thread: i32, threads: i32, p: usize): void {
  const positions = load<u32>(p, 28);
  const groups = load<u32>(p, 32);
  const width: usize = 4 * <usize>load<u32>(p, 36);
  const whole = width & ~15;
  const samples = <f64>positions * <f64>(width >> 2);
  const step = <usize>groups * width;
  const end = shareStart(load<u32>(p, 24), thread + 1, threads);
  for (let unit = shareStart(load<u32>(p, 24), thread, threads); unit < end; unit++) {
    const group = unit % groups;
    const first = <usize>(unit / groups) * positions * step + <usize>group * width;
    const gamma = load<usize>(p, 8) ? load<usize>(p, 8) + <usize>group * width : 0;
    const center = load<f32>(load<usize>(p, 12) + 4 * <usize>unit);
    const scale = load<f32>(load<usize>(p, 16) + 4 * <usize>unit);
    let sum: f64 = 0;
    let product: f64 = 0;
    for (let r: u32 = 0; r < positions; r++) {
      const x = load<usize>(p) + first + <usize>r * step;
      const dy = load<usize>(p, 4) + first + <usize>r * step;
      let sums = f32x4.splat(0);
      let products = f32x4.splat(0);
      for (let i: usize = 0; i < whole; i += 16) {
        const g = gamma ? f32x4.mul(v128.load(dy + i), v128.load(gamma + i)) : v128.load(dy + i);
        sums = f32x4.add(sums, g);
        products = madd(g, f32x4.sub(v128.load(x + i), f32x4.splat(center)), products);
      }
      sum += lanes(sums);
      product += lanes(products);
      for (let i = whole; i < width; i += 4) {
        const g = gamma ? load<f32>(dy + i) * load<f32>(gamma + i) : load<f32>(dy + i);
        sum += <f64>g;
        product += <f64>g * <f64>(load<f32>(x + i) - center);
      }
    }
    const shift = <f32>(sum / samples);
    const slope = <f32>((product / samples) * <f64>scale * <f64>scale);
    for (let r: u32 = 0; r < positions; r++) {
      const x = load<usize>(p) + first + <usize>r * step;
      const dy = load<usize>(p, 4) + first + <usize>r * step;
      const dx = load<usize>(p, 20) + first + <usize>r * step;
      for (let i: usize = 0; i < whole; i += 16) {
        const g = gamma ? f32x4.mul(v128.load(dy + i), v128.load(gamma + i)) : v128.load(dy + i);
        const centred = f32x4.sub(v128.load(x + i), f32x4.splat(center));
        let d = f32x4.sub(f32x4.sub(g, f32x4.splat(shift)), f32x4.mul(centred, f32x4.splat(slope)));
        d = f32x4.mul(d, f32x4.splat(scale));
        v128.store(dx + i, d);
      }
      for (let i = whole; i < width; i += 4) {
        const g = gamma ? load<f32>(dy + i) * load<f32>(gamma + i) : load<f32>(dy + i);
        store<f32>(dx + i, (g - shift - (load<f32>(x + i) - center) * slope) * scale);
      }
    }
  }
}

/**
 * Per block of the rows [outer * positions] and per column: sum dy and sum dy xhat.
 * Params: x, dy, mean, invStd, parts [blocks, 2, groups * width], rows, positions, groups, width,
 * block rows.
 */
export function layer_norm_sums(thread: i32, threads: i32, p: usize): void {
  const rows = load<u32>(p, 20);
  const positions = load<u32>(p, 24);
  const groups = load<u32>(p, 28);
  const width: usize = 4 * <usize>load<u32>(p, 32);
  const whole = width & ~15;
  const blockRows = load<u32>(p, 36);
  const columns = <usize>groups * width;
  const blocks = (rows + blockRows - 1) / blockRows;
  const end = shareStart(blocks, thread + 1, threads);
  for (let block = shareStart(blocks, thread, threads); block < end; block++) {
    const parts = load<usize>(p, 16) + 2 * columns * <usize>block;
    memory.fill(parts, 0, 2 * columns);
    const last = min(rows, (block + 1) * blockRows);
    for (let row = block * blockRows; row < last; row++) {
      for (let group: u32 = 0; group < groups; group++) {
        const unit: usize = 4 * (<usize>(row / positions) * groups + group);
        const center = load<f32>(load<usize>(p, 8) + unit);
        const scale = load<f32>(load<usize>(p, 12) + unit);
        const column = <usize>group * width;
        const x = load<usize>(p) + <usize>row * columns + column;
        const dy = load<usize>(p, 4) + <usize>row * columns + column;
        const sums = parts + column;
        const products = sums + columns;
        for (let i: usize = 0; i < whole; i += 16) {
          const g = v128.load(dy + i);
          v128.store(sums + i, f32x4.add(v128.load(sums + i), g));
          const normal = f32x4.mul(
            f32x4.sub(v128.load(x + i), f32x4.splat(center)),
            f32x4.splat(scale),
          );
          v128.store(products + i, madd(g, normal, v128.load(products + i)));
        }
        for (let i = whole; i < width; i += 4) {
          const g = load<f32>(dy + i);
          store<f32>(sums + i, load<f32>(sums + i) + g);
          const normal = (load<f32>(x + i) - center) * scale;
          store<f32>(products + i, load<f32>(products + i) + g * normal);
        }
      }
    }
  }
}

/** Adds the blocks up. Params: parts [blocks, 2, columns], blocks, columns, dgamma or 0, dbeta or 0. */
export function layer_norm_finish(thread: i32, threads: i32, p: usize): void {
  const parts = load<usize>(p);
  const blocks = load<u32>(p, 4);
  const columns = load<u32>(p, 8);
  const end = shareStart(columns, thread + 1, threads);
  for (let c = shareStart(columns, thread, threads); c < end; c++) {
    let sum: f64 = 0;
    let product: f64 = 0;
    for (let b: u32 = 0; b < blocks; b++) {
      const at = parts + 4 * (2 * <usize>b * columns + c);
      sum += <f64>load<f32>(at);
      product += <f64>load<f32>(at + 4 * <usize>columns);
    }
    if (load<usize>(p, 12)) store<f32>(load<usize>(p, 12) + 4 * <usize>c, <f32>product);
    if (load<usize>(p, 16)) store<f32>(load<usize>(p, 16) + 4 * <usize>c, <f32>sum);
  }
}
