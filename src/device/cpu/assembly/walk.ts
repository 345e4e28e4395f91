// Walks a contiguous output of rank <= 6 against strided operands and hands runs of it to a vector
// loop `(n, out, operands)`: n is a multiple of 4; operands are [address, bytes per vector] pairs
// (0 bytes repeat one splatted vector), followed at byte 40 by the scalars p and q.
//
// Params: out, operands, n (innermost length), rows, rank of the outer dimensions, p, q,
// the outer dimensions, then per operand: address, inner stride, outer strides (in elements).

import { threadScratch } from "./runtime";
import { shareStart, storeTail } from "./simd";

const MAX_OPERANDS: u32 = 5;
const TILE: u32 = 256;
const SPLATS: usize = 64;
const TAIL: usize = SPLATS + 16 * MAX_OPERANDS;
const TILES: usize = 256;

/** Copies n elements that lie `stride` elements apart to contiguous memory. */
function gather(to: usize, from: usize, stride: i32, n: u32): void {
  const step = <usize>(4 * stride);
  const end = to + 4 * <usize>n;
  for (; to < end; to += 4, from += step) store<u32>(to, load<u32>(from));
}

function runSpan(n: u32, out: usize, operands: usize, count: u32, loop: u32): void {
  const whole = n & ~3;
  if (whole) call_indirect<void>(loop, whole, out, operands);
  if (whole == n) return;
  if (whole) {
    for (let i: u32 = 0; i < count; i++) {
      const at = operands + 8 * i;
      store<usize>(at, load<usize>(at) + <usize>(whole >> 2) * load<usize>(at, 4));
    }
  }
  const tail = threadScratch + TAIL;
  call_indirect<void>(loop, <u32>4, tail, operands);
  storeTail(out + 4 * <usize>whole, v128.load(tail), n - whole);
}

export function walk(thread: i32, threads: i32, p: usize, loop: u32): void {
  const out = load<usize>(p);
  const count = load<u32>(p, 4);
  const n = load<u32>(p, 8);
  const rows = load<u32>(p, 12);
  const rank = load<u32>(p, 16);
  const dims = p + 28;
  const table = dims + 4 * rank;
  const entry = 8 + 4 * rank;
  const operands = threadScratch;
  store<u32>(operands, load<u32>(p, 20), 40);
  store<u32>(operands, load<u32>(p, 24), 44);

  let strided = false;
  for (let i: u32 = 0; i < count; i++) {
    if (load<u32>(table + i * entry, 4) > 1) strided = true;
  }
  const longest = strided ? TILE : n;

  // Shares are whole cache lines of the output.
  const total = rows * n;
  const lines = (total + 15) >> 4;
  let at = shareStart(lines, thread, threads) << 4;
  let end = shareStart(lines, thread + 1, threads) << 4;
  if (end > total) end = total;
  while (at < end) {
    const row = at / n;
    const column = at - row * n;
    let length = n - column;
    if (length > longest) length = longest;
    if (length > end - at) length = end - at;
    for (let i: u32 = 0; i < count; i++) {
      const operand = table + i * entry;
      const stride = load<i32>(operand, 4);
      let offset = <i32>column * stride;
      let rest = row;
      for (let d = <i32>rank - 1; d >= 0; d--) {
        const dim = load<u32>(dims + 4 * d);
        const quotient = rest / dim;
        offset += <i32>(rest - quotient * dim) * load<i32>(operand + 4 * d, 8);
        rest = quotient;
      }
      let from = load<usize>(operand) + 4 * <usize>offset;
      let step: usize = 16;
      if (stride == 0) {
        const splat = threadScratch + SPLATS + 16 * i;
        v128.store(splat, v128.load32_splat(from));
        from = splat;
        step = 0;
      } else if (stride != 1) {
        const tile = threadScratch + TILES + 4 * TILE * i;
        gather(tile, from, stride, length);
        from = tile;
      }
      store<usize>(operands + 8 * i, from);
      store<usize>(operands + 8 * i, step, 4);
    }
    runSpan(length, out + 4 * <usize>at, operands, count, loop);
    at += length;
  }
}
