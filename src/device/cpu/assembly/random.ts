import { log, sineOfTurn } from "./math";
import { philox } from "./philox";
import { threadScratch } from "./runtime";
import { shareStart, storeTail } from "./simd";

/** Words as multiples of 2^-24 in [0, 1). */
// @ts-ignore: decorator
@inline
function unit(words: v128, plus: i32): v128 {
  const high = i32x4.add(i32x4.shr_u(words, 8), i32x4.splat(plus));
  return f32x4.mul(f32x4.convert_i32x4_s(high), f32x4.splat(5.9604644775390625e-8));
}

// @ts-ignore: decorator
@inline
function put(out: usize, at: u32, n: u32, v: v128): void {
  if (at + 4 <= n) v128.store(out + 4 * <usize>at, v);
  else if (at < n) storeTail(out + 4 * <usize>at, v, n - at);
}

/** Two blocks, eight elements, at a time. Params: op (1 is normal), out, state, n, low, high. */
export function random(thread: i32, threads: i32, p: usize): void {
  const normal = load<u32>(p) == 1;
  const out = load<usize>(p, 4);
  const state = load<usize>(p, 8);
  const n = load<u32>(p, 12);
  const low = v128.load32_splat(p, 16);
  const high = v128.load32_splat(p, 20);
  const range = f32x4.sub(high, low);
  const k0 = load<u32>(state);
  const k1 = load<u32>(state, 4);
  const c1 = load<u32>(state, 8);
  const c2 = load<u32>(state, 12);
  const words = threadScratch;
  const pairs = (n + 7) >> 3;
  const end = shareStart(pairs, thread + 1, threads);
  for (let pair = shareStart(pairs, thread, threads); pair < end; pair++) {
    philox(words, k0, k1, 2 * pair, c1, c2, 0);
    philox(words + 16, k0, k1, 2 * pair + 1, c1, c2, 0);
    const a = v128.load(words);
    const b = v128.load(words, 16);
    const at = 8 * pair;
    if (!normal) {
      put(out, at, n, f32x4.add(low, f32x4.mul(range, unit(a, 0))));
      put(out, at + 4, n, f32x4.add(low, f32x4.mul(range, unit(b, 0))));
      continue;
    }
    // Box-Muller on (even, odd) words: radius sqrt(-2 ln u1), angle 2 pi u2.
    const u1 = unit(i32x4.shuffle(a, b, 0, 2, 4, 6), 1);
    const u2 = unit(i32x4.shuffle(a, b, 1, 3, 5, 7), 0);
    const radius = f32x4.mul(f32x4.sqrt(f32x4.mul(log(u1), f32x4.splat(-2))), high);
    const cosine = f32x4.add(low, f32x4.mul(radius, sineOfTurn(u2, 1)));
    const sine = f32x4.add(low, f32x4.mul(radius, sineOfTurn(u2, 0)));
    put(out, at, n, i32x4.shuffle(cosine, sine, 0, 4, 1, 5));
    put(out, at + 4, n, i32x4.shuffle(cosine, sine, 2, 6, 3, 7));
  }
}
