// out[to + i . strides] := (or, to add, +=) x[from + i . strides].
//
// Params: the addresses of the first elements of x and out, whether to add, size, stride in x and
// stride in out of the innermost dimension, rows, rank of the other dimensions, their sizes, their
// strides in x, their strides in out (in elements, signed).

import { copySpan } from "./copy";
import { shareStart, storeTail } from "./simd";

export function move(thread: i32, threads: i32, p: usize): void {
  const add = load<u32>(p, 8) != 0;
  const n = load<u32>(p, 12);
  const xStride = load<i32>(p, 16);
  const outStride = load<i32>(p, 20);
  const rank = load<u32>(p, 28);
  const dims = p + 32;
  const table = 4 * rank;
  const total = load<u32>(p, 24) * n;
  const end = shareStart(total, thread + 1, threads);
  let at = shareStart(total, thread, threads);
  while (at < end) {
    const row = at / n;
    const column = at - row * n;
    const length = min(n - column, end - at);
    let x = load<i32>(p) + 4 * <i32>column * xStride;
    let out = load<i32>(p, 4) + 4 * <i32>column * outStride;
    let rest = row;
    for (let dim = dims + table - 4; dim >= dims; dim -= 4) {
      const size = load<u32>(dim);
      const quotient = rest / size;
      const index = 4 * <i32>(rest - quotient * size);
      x += index * load<i32>(dim + table);
      out += index * load<i32>(dim + 2 * table);
      rest = quotient;
    }
    if (xStride != 1 || outStride != 1) moveStrided(x, out, length, 4 * xStride, 4 * outStride, add);
    else if (add) addSpan(x, out, length);
    else copySpan(x, out, length);
    at += length;
  }
}

function moveStrided(x: usize, out: usize, n: u32, step: usize, outStep: usize, add: bool): void {
  for (let i: u32 = 0; i < n; i++, x += step, out += outStep) {
    if (add) store<f32>(out, load<f32>(out) + load<f32>(x));
    else store<u32>(out, load<u32>(x));
  }
}

function addSpan(x: usize, out: usize, n: u32): void {
  const last = out + 4 * <usize>(n & ~3);
  for (; out < last; out += 16, x += 16) {
    v128.store(out, f32x4.add(v128.load(out), v128.load(x)));
  }
  if (n & 3) storeTail(out, f32x4.add(v128.load(out), v128.load(x)), n & 3);
}
