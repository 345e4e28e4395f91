import { shareStart, storeTail } from "./simd";

/** Params: src, dst, n. */
export function copy(thread: i32, threads: i32, p: usize): void {
  const n = load<u32>(p, 8);
  const lines = (n + 15) >> 4;
  const start = shareStart(lines, thread, threads) << 4;
  let end = shareStart(lines, thread + 1, threads) << 4;
  if (end > n) end = n;
  if (start < end) copySpan(load<usize>(p) + 4 * start, load<usize>(p, 4) + 4 * start, end - start);
}

/** Copies n elements. */
export function copySpan(from: usize, to: usize, n: u32): void {
  const last = to + 4 * <usize>(n & ~3);
  const block = to + 4 * <usize>(n & ~15);
  for (; to < block; to += 64, from += 64) {
    const a = v128.load(from);
    const b = v128.load(from, 16);
    const c = v128.load(from, 32);
    const d = v128.load(from, 48);
    v128.store(to, a);
    v128.store(to, b, 16);
    v128.store(to, c, 32);
    v128.store(to, d, 48);
  }
  for (; to < last; to += 16, from += 16) v128.store(to, v128.load(from));
  if (n & 3) storeTail(to, v128.load(from), n & 3);
}

/** Params: dst, the value's bits, n. */
export function fill(thread: i32, threads: i32, p: usize): void {
  const n = load<u32>(p, 8);
  const lines = (n + 15) >> 4;
  const start = shareStart(lines, thread, threads) << 4;
  let end = shareStart(lines, thread + 1, threads) << 4;
  if (end > n) end = n;
  if (start < end) fillSpan(load<usize>(p) + 4 * start, v128.load32_splat(p, 4), end - start);
}

/** Writes the lanes of `value` over n elements. */
export function fillSpan(to: usize, value: v128, n: u32): void {
  const last = to + 4 * <usize>(n & ~3);
  for (; to < last; to += 16) v128.store(to, value);
  if (n & 3) storeTail(to, value, n & 3);
}
