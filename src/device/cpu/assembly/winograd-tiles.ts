// Tiles of an NHWC image into the transformed domain and back.
import {
  Gradient, Input, Output, input2, input4, inputSide, mapColumns, mapSquare, outputSide,
} from "./winograd-transforms";
import { Epilogue, finishPixels } from "./epilogue";
import { threadScratch } from "./runtime";

/** A stride-1 convolution cut into tiles; tile t is (image, row, column) in that order. */
@unmanaged
export class Tiling {
  images: i32;
  inH: i32;
  inW: i32;
  /** Input channels, a multiple of 4. */
  k: i32;
  outH: i32;
  outW: i32;
  /** Output channels, a multiple of 4. */
  n: i32;
  padH: i32;
  padW: i32;
  tilesH: i32;
  tilesW: i32;
}

// @ts-ignore: decorator
@inline
export function tileCount(t: Tiling): i32 {
  return t.images * t.tilesH * t.tilesW;
}

// Private memory: the intermediate square, a zero patch, and what is known of four tiles.
const SQUARE: usize = 0;
const PATCH: usize = 1024;
const STATES: usize = 2048;

@unmanaged
class TileState {
  /** Address of the tile's first pixel, which may lie outside the image. */
  at: usize;
  /** Bit i: row (column) i lies inside the image. */
  rows: i32;
  columns: i32;
}

// @ts-ignore: decorator
@inline
function state(index: i32): TileState {
  return changetype<TileState>(threadScratch + STATES + (<usize>index << 4));
}

/** Bits of [0, side) for which first + i lies in [0, length). */
// @ts-ignore: decorator
@inline
function insideBits(first: i32, length: i32, side: i32): i32 {
  const low = max(0, -first), high = min(side, length - first);
  return high > low ? (1 << high) - (1 << low) : 0;
}

/** Locates tile `tile`'s square of `side` pixels in an h x w image of c channels. */
function locate(
  s: TileState, t: Tiling, tile: i32, image: usize, h: i32, w: i32, c: i32, m: i32, padH: i32,
  padW: i32, side: i32,
): void {
  const tx = tile % t.tilesW, ty = tile / t.tilesW % t.tilesH, n = tile / (t.tilesW * t.tilesH);
  const y = ty * m - padH, x = tx * m - padW;
  s.at = image + (<usize>(((n * h + y) * w + x) * c) << 2);
  s.rows = n < t.images ? insideBits(y, h, side) : 0;
  s.columns = insideBits(x, w, side);
}

// @ts-ignore: decorator
@inline
function pick(columns: i32, j: i32, from: usize): v128 {
  return columns & (1 << j) ? v128.load(from) : f32x4.splat(0);
}

/** B^T d B of four channels at `from`. */
// @ts-ignore: decorator
@inline
function inputTile<F>(
  from: usize, rows: i32, columns: i32, rowBytes: usize, pixelBytes: usize, to: usize,
  productBytes: usize,
): void {
  const side = inputSide<F>();
  const square = threadScratch + SQUARE;
  const whole = (1 << side) - 1;
  let at = square;
  for (let i = 0; i < side; i++, from += rowBytes, at += <usize>side << 4) {
    if (!(rows & (1 << i))) {
      for (let j = 0; j < side; j++) v128.store(at + (<usize>j << 4), f32x4.splat(0));
      continue;
    }
    const p1 = from + pixelBytes, p2 = p1 + pixelBytes, p3 = p2 + pixelBytes;
    if (side == 6) {
      const p4 = p3 + pixelBytes, p5 = p4 + pixelBytes;
      if (columns == whole) {
        input4(
          v128.load(from), v128.load(p1), v128.load(p2), v128.load(p3), v128.load(p4),
          v128.load(p5), at, 16,
        );
      } else {
        input4(
          pick(columns, 0, from), pick(columns, 1, p1), pick(columns, 2, p2),
          pick(columns, 3, p3), pick(columns, 4, p4), pick(columns, 5, p5), at, 16,
        );
      }
    } else {
      input2(
        pick(columns, 0, from), pick(columns, 1, p1), pick(columns, 2, p2), pick(columns, 3, p3),
        at, 16,
      );
    }
  }
  mapColumns<Input, F>(square, to, productBytes * <usize>side, productBytes);
}

/** Where the transforms of a tile go: product, group of four tiles, tile, group of 4 channels. */
@unmanaged
export class PanelLayout {
  productBytes: usize;
  fourBytes: usize;
  tileBytes: usize;
  channelBytes: usize;
}

/** B^T d B of `count` tiles (a multiple of 4) from `first` on, all channels. */
export function transformInput<F>(
  t: Tiling, x: usize, first: i32, count: i32, to: usize, layout: PanelLayout,
): void {
  const pixelBytes = <usize>t.k << 2;
  const rowBytes = <usize>t.inW * pixelBytes;
  for (let four = 0; four < count; four += 4, to += layout.fourBytes) {
    for (let r = 0; r < 4; r++) {
      locate(
        state(r), t, first + four + r, x, t.inH, t.inW, t.k, outputSide<F>(), t.padH, t.padW,
        inputSide<F>(),
      );
    }
    let at = to;
    for (let c: usize = 0; c < pixelBytes; c += 16, at += layout.channelBytes) {
      for (let r = 0; r < 4; r++) {
        const s = state(r);
        inputTile<F>(
          s.at + c, s.rows, s.columns, rowBytes, pixelBytes, at + <usize>r * layout.tileBytes,
          layout.productBytes,
        );
      }
    }
  }
}

/** A dY A^T of `count` tiles (a multiple of 4) from `first` on, channels [n0, n1), as B panels. */
export function transformGradient<F>(
  t: Tiling, dy: usize, first: i32, count: i32, n0: i32, n1: i32, to: usize,
  layout: PanelLayout,
): void {
  const m = outputSide<F>();
  const side = <usize>inputSide<F>();
  const pixelBytes = <usize>t.n << 2;
  const rowBytes = <usize>t.outW * pixelBytes;
  const square = threadScratch + SQUARE, patch = threadScratch + PATCH;
  const whole = (1 << m) - 1;
  for (let four = 0; four < count; four += 4, to += layout.fourBytes) {
    for (let r = 0; r < 4; r++) {
      locate(state(r), t, first + four + r, dy, t.outH, t.outW, t.n, m, 0, 0, m);
    }
    for (let n = n0; n < n1; n += 4) {
      const c = <usize>n << 2;
      const at = to + <usize>((n - n0) >> 3) * layout.channelBytes + (c & 16);
      for (let r = 0; r < 4; r++) {
        const s = state(r);
        const target = at + <usize>r * layout.tileBytes;
        let from = s.at + c, fromRow = rowBytes, fromStep = pixelBytes;
        if (s.rows != whole || s.columns != whole) {
          for (let i = 0; i < m; i++) {
            for (let j = 0; j < m; j++) {
              const inside = s.rows & (1 << i) ? s.columns : 0;
              const pixel = from + <usize>i * rowBytes + <usize>j * pixelBytes;
              v128.store(patch + (<usize>(i * m + j) << 4), pick(inside, j, pixel));
            }
          }
          from = patch;
          fromRow = <usize>m << 4;
          fromStep = 16;
        }
        mapSquare<Gradient, F>(
          from, fromRow, fromStep, square, target, layout.productBytes * side,
          layout.productBytes,
        );
      }
    }
  }
}

/** A^T M A of `count` tiles from `first` on, 8 channels from n0 on; M is [product][tile][8]. */
export function transformOutput<F>(
  t: Tiling, out: usize, first: i32, count: i32, n0: i32, from: usize, productBytes: usize,
  e: Epilogue,
): void {
  const finishes = (e.bias | e.residual | e.relu) != 0;
  const m = outputSide<F>();
  const side = <usize>inputSide<F>();
  const pixelBytes = <usize>t.n << 2;
  const rowBytes = <usize>t.outW * pixelBytes;
  const square = threadScratch + SQUARE, patch = threadScratch + PATCH;
  const s = state(0);
  const last = min(count, tileCount(t) - first);
  const halves = t.n - n0 > 4 ? 2 : 1;
  const whole = (1 << m) - 1;
  for (let tile = 0; tile < last; tile++, from += 32) {
    locate(s, t, first + tile, out, t.outH, t.outW, t.n, m, 0, 0, m);
    for (let half = 0; half < halves; half++) {
      const source = from + (<usize>half << 4);
      const channel = <usize>(n0 + half * 4) << 2;
      const target = s.at + channel;
      const bias = e.bias ? v128.load(e.bias + channel) : f32x4.splat(0);
      if (s.rows == whole && s.columns == whole) {
        mapSquare<Output, F>(
          source, productBytes * side, productBytes, square, target, rowBytes, pixelBytes,
        );
        if (finishes) finishPixels(e, bias, target, target - out, m, m, rowBytes, pixelBytes);
        continue;
      }
      mapSquare<Output, F>(
        source, productBytes * side, productBytes, square, patch, <usize>m << 4, 16,
      );
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < m; j++) {
          if (!(s.rows & (1 << i)) || !(s.columns & (1 << j))) continue;
          const pixel = target + <usize>i * rowBytes + <usize>j * pixelBytes;
          v128.store(pixel, v128.load(patch + (<usize>(i * m + j) << 4)));
          if (finishes) finishPixels(e, bias, pixel, pixel - out, 1, 1, rowBytes, pixelBytes);
        }
      }
    }
  }
}
