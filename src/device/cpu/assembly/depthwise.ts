// Convolution of each channel with a filter of its own, NHWC. Params of the shape, from `p + 12`: n,
// h, w, c, kh, kw, strideH, strideW, dilationH, dilationW, padTop, padLeft, outH, outW (pads may be
// negative). Sixteen channels at a time; loads may run past the last one.

import { madd, shareStart, storeTail } from "./simd";

const BLOCK: u32 = 16;

// @ts-ignore: decorator
@inline
function store4(to: usize, v: v128, lanes: i32): void {
  if (lanes >= 4) v128.store(to, v);
  else storeTail(to, v, lanes);
}

/** The first k with start + k * step >= 0. */
// @ts-ignore: decorator
@inline
function firstInside(start: i32, step: i32): i32 {
  return start < 0 ? (step - 1 - start) / step : 0;
}

/** How many k below `count` have start + k * step < size. */
// @ts-ignore: decorator
@inline
function endInside(start: i32, step: i32, size: i32, count: i32): i32 {
  return start >= size ? 0 : min(count, (size - 1 - start) / step + 1);
}

/** Params: x, w, out, shape. */
export function depthwise(thread: i32, threads: i32, p: usize): void {
  const h = load<i32>(p, 16);
  const w = load<i32>(p, 20);
  const channels = load<u32>(p, 24);
  const kh = load<i32>(p, 28);
  const kw = load<i32>(p, 32);
  const stepH = load<i32>(p, 44);
  const stepW = load<i32>(p, 48);
  const outH = load<u32>(p, 60);
  const outW = load<u32>(p, 64);
  const pixel: usize = 4 * <usize>channels;
  const lines = load<u32>(p, 12) * outH;
  const end = shareStart(lines, thread + 1, threads);
  for (let line = shareStart(lines, thread, threads); line < end; line++) {
    const image = line / outH;
    const top = <i32>(line - image * outH) * load<i32>(p, 36) - load<i32>(p, 52);
    const firstI = firstInside(top, stepH);
    const endI = endInside(top, stepH, h, kh);
    for (let ow: u32 = 0; ow < outW; ow++) {
      const left = <i32>ow * load<i32>(p, 40) - load<i32>(p, 56);
      const firstJ = firstInside(left, stepW);
      const endJ = endInside(left, stepW, w, kw);
      const out = load<usize>(p, 8) + pixel * <usize>(line * outW + ow);
      for (let c: u32 = 0; c < channels; c += BLOCK) {
        let s0 = f32x4.splat(0);
        let s1 = s0;
        let s2 = s0;
        let s3 = s0;
        for (let i = firstI; i < endI; i++) {
          const row = (<i32>image * h + top + i * stepH) * w + left;
          let x = load<usize>(p) + pixel * <usize>(row + firstJ * stepW) + 4 * c;
          let weight = load<usize>(p, 4) + pixel * <usize>(i * kw + firstJ) + 4 * c;
          for (let j = firstJ; j < endJ; j++, x += pixel * stepW, weight += pixel) {
            s0 = madd(v128.load(x), v128.load(weight), s0);
            s1 = madd(v128.load(x, 16), v128.load(weight, 16), s1);
            s2 = madd(v128.load(x, 32), v128.load(weight, 32), s2);
            s3 = madd(v128.load(x, 48), v128.load(weight, 48), s3);
          }
        }
        store16(out + 4 * c, s0, s1, s2, s3, channels - c);
      }
    }
  }
}

function store16(to: usize, s0: v128, s1: v128, s2: v128, s3: v128, lanes: i32): void {
  store4(to, s0, lanes);
  if (lanes > 4) store4(to + 16, s1, lanes - 4);
  if (lanes > 8) store4(to + 32, s2, lanes - 8);
  if (lanes > 12) store4(to + 48, s3, lanes - 12);
}

/**
 * The weight gradient of each image: partial [n, kh, kw, c]. A unit is one image and a block of its
 * channels. Params: x, dy, partials, shape.
 */
export function depthwise_gradient(thread: i32, threads: i32, p: usize): void {
  const h = load<i32>(p, 16);
  const w = load<i32>(p, 20);
  const channels = load<u32>(p, 24);
  const kh = load<i32>(p, 28);
  const kw = load<i32>(p, 32);
  const strideH = load<i32>(p, 36);
  const strideW = load<i32>(p, 40);
  const outH = load<i32>(p, 60);
  const outW = load<i32>(p, 64);
  const pixel: usize = 4 * <usize>channels;
  const blocks = (channels + BLOCK - 1) / BLOCK;
  const units = load<u32>(p, 12) * blocks;
  const end = shareStart(units, thread + 1, threads);
  for (let unit = shareStart(units, thread, threads); unit < end; unit++) {
    const image = <i32>(unit / blocks);
    const c = (unit % blocks) * BLOCK;
    let out = load<usize>(p, 8) + pixel * <usize>(image * kh * kw) + 4 * c;
    for (let i: i32 = 0; i < kh; i++) {
      const top = i * load<i32>(p, 44) - load<i32>(p, 52);
      const endH = endInside(top, strideH, h, outH);
      for (let j: i32 = 0; j < kw; j++, out += pixel) {
        const left = j * load<i32>(p, 48) - load<i32>(p, 56);
        const firstW = firstInside(left, strideW);
        const endW = endInside(left, strideW, w, outW);
        let s0 = f32x4.splat(0);
        let s1 = s0;
        let s2 = s0;
        let s3 = s0;
        for (let oh = firstInside(top, strideH); oh < endH; oh++) {
          const row = (image * h + top + oh * strideH) * w + left;
          let x = load<usize>(p) + pixel * <usize>(row + firstW * strideW) + 4 * c;
          let dy = load<usize>(p, 4) + pixel * <usize>((image * outH + oh) * outW + firstW) + 4 * c;
          // A row's sums are added apart, which keeps long sums exact.
          let r0 = f32x4.splat(0);
          let r1 = r0;
          let r2 = r0;
          let r3 = r0;
          for (let ow = firstW; ow < endW; ow++, x += pixel * strideW, dy += pixel) {
            r0 = madd(v128.load(x), v128.load(dy), r0);
            r1 = madd(v128.load(x, 16), v128.load(dy, 16), r1);
            r2 = madd(v128.load(x, 32), v128.load(dy, 32), r2);
            r3 = madd(v128.load(x, 48), v128.load(dy, 48), r3);
          }
          s0 = f32x4.add(s0, r0);
          s1 = f32x4.add(s1, r1);
          s2 = f32x4.add(s2, r2);
          s3 = f32x4.add(s3, r3);
        }
        store16(out, s0, s1, s2, s3, channels - c);
      }
    }
  }
}
