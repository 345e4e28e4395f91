import { shareStart } from "./simd";

/** Words in the order of the numbers they stand for: both zeros are one, NaN is the largest. */
// @ts-ignore: decorator
@inline
function keyOf(bits: u32): u32 {
  const size = bits & 0x7fffffff;
  if (size > 0x7f800000) return 0xffffffff;
  if (size == 0) return 0x80000000;
  return bits >> 31 ? ~bits : bits | 0x80000000;
}

/**
 * Merge sort of (key, index) as one 64-bit number, so that ties keep their order.
 * Params: x, index, rank, lists (two for each thread), rows, length, the keys' flipped bits.
 */
export function sort_rows(thread: i32, threads: i32, p: usize): void {
  const n = load<u32>(p, 20);
  const flipped = load<u32>(p, 24);
  let list = load<usize>(p, 12) + 16 * <usize>(thread * n);
  let other = list + 8 * <usize>n;
  const rows = load<u32>(p, 16);
  const end = shareStart(rows, thread + 1, threads);
  for (let r = shareStart(rows, thread, threads); r < end; r++) {
    const row: usize = 4 * <usize>(r * n);
    for (let i: u32 = 0; i < n; i++) {
      const key = keyOf(load<u32>(load<usize>(p) + row + 4 * i)) ^ flipped;
      store<u64>(list + 8 * i, (<u64>key << 32) | <u64>i);
    }
    for (let width: u32 = 1; width < n; width *= 2) {
      for (let start: u32 = 0; start < n; start += 2 * width) {
        merge(list, other, start, min(start + width, n), min(start + 2 * width, n));
      }
      const sorted = other;
      other = list;
      list = sorted;
    }
    for (let i: u32 = 0; i < n; i++) {
      const at = <u32>load<u64>(list + 8 * i);
      store<u32>(load<usize>(p, 4) + row + 4 * i, at);
      store<u32>(load<usize>(p, 8) + row + 4 * at, i);
    }
  }
}

/** Two sorted runs of `from`, [start, middle) and [middle, end), to one of `to`. */
function merge(from: usize, to: usize, start: u32, middle: u32, end: u32): void {
  let left = start;
  let right = middle;
  for (let i = start; i < end; i++) {
    const a = load<u64>(from + 8 * left);
    const b = load<u64>(from + 8 * right);
    const isLeft = right >= end || (left < middle && a < b);
    store<u64>(to + 8 * i, isLeft ? a : b);
    if (isLeft) left++;
    else right++;
  }
}

/** Params: x, index, out, rows, length, picked. */
export function gather_along(thread: i32, threads: i32, p: usize): void {
  const n = load<u32>(p, 16);
  const picked = load<u32>(p, 20);
  const total = load<u32>(p, 12) * picked;
  const end = shareStart(total, thread + 1, threads);
  for (let i = shareStart(total, thread, threads); i < end; i++) {
    const at = load<u32>(load<usize>(p, 4) + 4 * i);
    const row = (i / picked) * n;
    store<u32>(load<usize>(p, 8) + 4 * i, at < n ? load<u32>(load<usize>(p) + 4 * (row + at)) : 0);
  }
}
