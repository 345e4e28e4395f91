// Pooling over NHWC windows. Params of the shape, from `p + base`: n, h, w, c, kh, kw, strideH,
// strideW, padH, padW, outH, outW. Op 0 is max, 1 is average.

import { fillSpan } from "./copy";
import { shareStart, storeTail } from "./simd";

/** Channels of one unit of work of the backward pass. */
const STRIPE: u32 = 64;

/** The window of one output coordinate, clipped to [0, size). */
// @ts-ignore: decorator
@inline
function clipStart(o: u32, stride: u32, pad: u32): u32 {
  const start = o * stride;
  return start > pad ? start - pad : 0;
}

// @ts-ignore: decorator
@inline
function clipEnd(o: u32, stride: u32, pad: u32, kernel: u32, size: u32): u32 {
  const end = o * stride + kernel;
  return end > pad ? min(end - pad, size) : 0;
}

/** Params: op, x, out, shape. */
export function pool2d(thread: i32, threads: i32, p: usize): void {
  const average = load<u32>(p) == 1;
  const x = load<usize>(p, 4);
  const n = load<u32>(p, 12);
  const h = load<u32>(p, 16);
  const w = load<u32>(p, 20);
  const channels = load<u32>(p, 24);
  const kh = load<u32>(p, 28);
  const kw = load<u32>(p, 32);
  const strideH = load<u32>(p, 36);
  const strideW = load<u32>(p, 40);
  const padH = load<u32>(p, 44);
  const padW = load<u32>(p, 48);
  const outH = load<u32>(p, 52);
  const outW = load<u32>(p, 56);
  const pixel: usize = 4 * <usize>channels;
  const scale = f32x4.splat(<f32>1 / <f32>(kh * kw));
  const lines = n * outH;
  const end = shareStart(lines, thread + 1, threads);
  for (let line = shareStart(lines, thread, threads); line < end; line++) {
    const image = line / outH;
    const oh = line - image * outH;
    const top = clipStart(oh, strideH, padH);
    const bottom = clipEnd(oh, strideH, padH, kh, h);
    for (let ow: u32 = 0; ow < outW; ow++) {
      const left = clipStart(ow, strideW, padW);
      const right = clipEnd(ow, strideW, padW, kw, w);
      const out = load<usize>(p, 8) + pixel * <usize>(line * outW + ow);
      for (let c: u32 = 0; c < channels; c += 4) {
        let best = f32x4.splat(average ? <f32>0 : -Infinity);
        for (let i = top; i < bottom; i++) {
          let at = x + pixel * <usize>((image * h + i) * w + left) + 4 * c;
          for (let j = left; j < right; j++, at += pixel) {
            best = average ? f32x4.add(best, v128.load(at)) : f32x4.max(best, v128.load(at));
          }
        }
        if (average) best = f32x4.mul(best, scale);
        if (c + 4 <= channels) v128.store(out + 4 * c, best);
        else storeTail(out + 4 * c, best, channels - c);
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function addTo(to: usize, v: v128, lanes: u32): void {
  const sum = f32x4.add(v128.load(to), v);
  if (lanes >= 4) v128.store(to, sum);
  else storeTail(to, sum, lanes);
}

/**
 * A unit is one image and a stripe of channels: its windows are visited in order and add to dx.
 * Params: op, x, dy, dx, shape.
 */
export function pool2d_backward(thread: i32, threads: i32, p: usize): void {
  const n = load<u32>(p, 16);
  const h = load<u32>(p, 20);
  const w = load<u32>(p, 24);
  const channels = load<u32>(p, 28);
  const outH = load<u32>(p, 56);
  const outW = load<u32>(p, 60);
  const pixel: usize = 4 * <usize>channels;
  const stripes = (channels + STRIPE - 1) / STRIPE;
  const units = n * stripes;
  const end = shareStart(units, thread + 1, threads);
  for (let unit = shareStart(units, thread, threads); unit < end; unit++) {
    const image = unit / stripes;
    const first = (unit - image * stripes) * STRIPE;
    const last = min(first + STRIPE, channels);
    const x = load<usize>(p, 4) + pixel * <usize>(image * h * w);
    const dx = load<usize>(p, 12) + pixel * <usize>(image * h * w);
    for (let i: u32 = 0; i < h * w; i++) {
      fillSpan(dx + pixel * <usize>i + 4 * first, f32x4.splat(0), last - first);
    }
    let dy = load<usize>(p, 8) + pixel * <usize>(image * outH * outW);
    for (let oh: u32 = 0; oh < outH; oh++) {
      for (let ow: u32 = 0; ow < outW; ow++, dy += pixel) {
        spread(p, x, dy, dx, oh, ow, first, last);
      }
    }
  }
}

/** Adds one window's gradient to dx, for channels [first, last). */
function spread(
  p: usize,
  x: usize,
  dy: usize,
  dx: usize,
  oh: u32,
  ow: u32,
  first: u32,
  last: u32,
): void {
  const average = load<u32>(p) == 1;
  const w = load<u32>(p, 24);
  const pixel: usize = 4 * <usize>load<u32>(p, 28);
  const kh = load<u32>(p, 32);
  const kw = load<u32>(p, 36);
  const top = clipStart(oh, load<u32>(p, 40), load<u32>(p, 48));
  const bottom = clipEnd(oh, load<u32>(p, 40), load<u32>(p, 48), kh, load<u32>(p, 20));
  const left = clipStart(ow, load<u32>(p, 44), load<u32>(p, 52));
  const right = clipEnd(ow, load<u32>(p, 44), load<u32>(p, 52), kw, w);
  const scale = f32x4.splat(<f32>1 / <f32>(kh * kw));
  for (let c = first; c < last; c += 4) {
    const g = v128.load(dy + 4 * c);
    if (average) {
      for (let i = top; i < bottom; i++) {
        for (let j = left; j < right; j++) {
          addTo(dx + pixel * <usize>(i * w + j) + 4 * c, f32x4.mul(g, scale), last - c);
        }
      }
      continue;
    }
    let best = f32x4.splat(-Infinity);
    let winner = i32x4.splat(top * w + left);
    for (let i = top; i < bottom; i++) {
      for (let j = left; j < right; j++) {
        const value = v128.load(x + pixel * <usize>(i * w + j) + 4 * c);
        // Of several NaN the last one takes it, as in PyTorch.
        const larger = v128.or(f32x4.gt(value, best), f32x4.ne(value, value));
        best = v128.bitselect(value, best, larger);
        winner = v128.bitselect(i32x4.splat(i * w + j), winner, larger);
      }
    }
    for (let i = top; i < bottom; i++) {
      for (let j = left; j < right; j++) {
        const mine = i32x4.eq(winner, i32x4.splat(i * w + j));
        addTo(dx + pixel * <usize>(i * w + j) + 4 * c, v128.and(g, mine), last - c);
      }
    }
  }
}
