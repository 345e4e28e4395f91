// What a kernel does to its result while that is in the cache: relu?(result + bias + residual).
import { storeTail } from "./simd";

@unmanaged
export class Epilogue {
  /** One float a column; 0 for none. */
  bias: usize;
  /** Laid out as the result; 0 for none. */
  residual: usize;
  relu: i32;
}

// @ts-ignore: decorator
@inline
function addends(bias: usize, residual: usize, at: usize): v128 {
  const low = bias ? v128.load(bias + at) : f32x4.splat(0);
  return residual ? f32x4.add(low, v128.load(residual + at)) : low;
}

/** row[0..count) := bias? + residual?, for a product that adds to it. */
export function startRow(row: usize, bias: usize, residual: usize, count: i32): void {
  const end = <usize>(count & ~3) << 2;
  for (let at: usize = 0; at < end; at += 16) v128.store(row + at, addends(bias, residual, at));
  if (count & 3) storeTail(row + end, addends(bias, residual, end), count & 3);
}

/** row[0..count) := max(row, 0), keeping NaN. */
export function clampRow(row: usize, count: i32): void {
  const zero = f32x4.splat(0), end = <usize>(count & ~3) << 2;
  for (let at: usize = 0; at < end; at += 16) {
    v128.store(row + at, f32x4.max(v128.load(row + at), zero));
  }
  if (count & 3) storeTail(row + end, f32x4.max(v128.load(row + end), zero), count & 3);
}

/** `height` x `width` pixels of four channels at `at`, `offset` bytes into the result. */
// @ts-ignore: decorator
@inline
export function finishPixels(
  e: Epilogue, bias: v128, at: usize, offset: usize, height: i32, width: i32, rowBytes: usize,
  pixelBytes: usize,
): void {
  const zero = f32x4.splat(0), residual = e.residual, relu = e.relu != 0;
  for (let i = 0; i < height; i++, at += rowBytes, offset += rowBytes) {
    let pixel = at, beside = residual + offset;
    for (let j = 0; j < width; j++, pixel += pixelBytes, beside += pixelBytes) {
      let v = f32x4.add(v128.load(pixel), bias);
      if (residual) v = f32x4.add(v, v128.load(beside));
      if (relu) v = f32x4.max(v, zero);
      v128.store(pixel, v);
    }
  }
}
