import { madd, shareStart, storeTail } from "./simd";

/** Elements of a block: 12 vectors, enough chains to cover the latency of a multiply-add. */
const block: u32 = 48;

/** Params: out, length, rounds. x := x / 2 + 1, `rounds` times, from i / length. */
export function multiply_add(thread: i32, threads: i32, p: usize): void {
  const out = load<usize>(p);
  const length = load<u32>(p, 4);
  const rounds = load<u32>(p, 8);
  const blocks = (length + block - 1) / block;
  const end = shareStart(blocks, thread + 1, threads);
  for (let b = shareStart(blocks, thread, threads); b < end; b++) {
    run(out, b * block, length, rounds);
  }
}

// @ts-ignore: decorator
@inline
function start(i: u32, length: u32): v128 {
  const index = f32x4(<f32>i, <f32>(i + 1), <f32>(i + 2), <f32>(i + 3));
  return f32x4.div(index, f32x4.splat(<f32>length));
}

// @ts-ignore: decorator
@inline
function put(out: usize, i: u32, length: u32, v: v128): void {
  if (i + 4 <= length) v128.store(out + (<usize>i << 2), v);
  else if (i < length) storeTail(out + (<usize>i << 2), v, length - i);
}

function run(out: usize, first: u32, length: u32, rounds: u32): void {
  const half = f32x4.splat(0.5);
  const one = f32x4.splat(1);
  let x0 = start(first + 0, length);
  let x1 = start(first + 4, length);
  let x2 = start(first + 8, length);
  let x3 = start(first + 12, length);
  let x4 = start(first + 16, length);
  let x5 = start(first + 20, length);
  let x6 = start(first + 24, length);
  let x7 = start(first + 28, length);
  let x8 = start(first + 32, length);
  let x9 = start(first + 36, length);
  let x10 = start(first + 40, length);
  let x11 = start(first + 44, length);
  for (let r: u32 = 0; r < rounds; r++) {
    x0 = madd(x0, half, one);
    x1 = madd(x1, half, one);
    x2 = madd(x2, half, one);
    x3 = madd(x3, half, one);
    x4 = madd(x4, half, one);
    x5 = madd(x5, half, one);
    x6 = madd(x6, half, one);
    x7 = madd(x7, half, one);
    x8 = madd(x8, half, one);
    x9 = madd(x9, half, one);
    x10 = madd(x10, half, one);
    x11 = madd(x11, half, one);
  }
  put(out, first + 0, length, x0);
  put(out, first + 4, length, x1);
  put(out, first + 8, length, x2);
  put(out, first + 12, length, x3);
  put(out, first + 16, length, x4);
  put(out, first + 20, length, x5);
  put(out, first + 24, length, x6);
  put(out, first + 28, length, x7);
  put(out, first + 32, length, x8);
  put(out, first + 36, length, x9);
  put(out, first + 40, length, x10);
  put(out, first + 44, length, x11);
}
