// The 4x8 micro-kernel: C[4,8] := C? + A[4,k] B[k,8] on packed panels, held in 8 registers.
//
// B panels are [k][8]. A panels come in two layouts, so that packing is a copy of whole vectors
// whichever dimension of A is contiguous: "rows" is [k/4][4 rows][4 k], "columns" is [k][4 rows].
//
// Each step of k ends in a branch on purpose. Engines schedule within a basic block and, given
// four steps at once, put dependent multiply-adds back to back and spill; one step a block runs at
// the machine's peak (measured on Zen 3: 44 GFLOP/s a thread against 24 with four steps a block).
import { madd } from "./simd";

/** Marks the layout of an A panel at compile time. */
export class Rows {}
export class Columns {}

// @ts-ignore: decorator
@inline
function isRows<Layout>(): bool {
  return idof<Layout>() == idof<Rows>();
}

/** Rows of C are 8 floats at c0 to c3. k >= 1. */
// @ts-ignore: decorator
@inline
export function multiplyTile<Layout>(
  a: usize, b: usize, k: i32, accumulate: bool, c0: usize, c1: usize, c2: usize, c3: usize,
): void {
  const zero = f32x4.splat(0);
  let s00 = zero, s01 = zero, s10 = zero, s11 = zero;
  let s20 = zero, s21 = zero, s30 = zero, s31 = zero;
  if (accumulate) {
    s00 = v128.load(c0);
    s01 = v128.load(c0, 16);
    s10 = v128.load(c1);
    s11 = v128.load(c1, 16);
    s20 = v128.load(c2);
    s21 = v128.load(c2, 16);
    s30 = v128.load(c3);
    s31 = v128.load(c3, 16);
  }
  while (true) {
    {
      const b0 = v128.load(b);
      const b1 = v128.load(b, 16);
      const a0 = v128.load32_splat(a, 0);
      s00 = madd(a0, b0, s00);
      s01 = madd(a0, b1, s01);
      const a1 = v128.load32_splat(a, isRows<Layout>() ? 16 : 4);
      s10 = madd(a1, b0, s10);
      s11 = madd(a1, b1, s11);
      const a2 = v128.load32_splat(a, isRows<Layout>() ? 32 : 8);
      s20 = madd(a2, b0, s20);
      s21 = madd(a2, b1, s21);
      const a3 = v128.load32_splat(a, isRows<Layout>() ? 48 : 12);
      s30 = madd(a3, b0, s30);
      s31 = madd(a3, b1, s31);
    }
    if (--k == 0) break;
    {
      const b0 = v128.load(b, 32);
      const b1 = v128.load(b, 48);
      const a0 = v128.load32_splat(a, isRows<Layout>() ? 4 : 16);
      s00 = madd(a0, b0, s00);
      s01 = madd(a0, b1, s01);
      const a1 = v128.load32_splat(a, 20);
      s10 = madd(a1, b0, s10);
      s11 = madd(a1, b1, s11);
      const a2 = v128.load32_splat(a, isRows<Layout>() ? 36 : 24);
      s20 = madd(a2, b0, s20);
      s21 = madd(a2, b1, s21);
      const a3 = v128.load32_splat(a, isRows<Layout>() ? 52 : 28);
      s30 = madd(a3, b0, s30);
      s31 = madd(a3, b1, s31);
    }
    if (--k == 0) break;
    {
      const b0 = v128.load(b, 64);
      const b1 = v128.load(b, 80);
      const a0 = v128.load32_splat(a, isRows<Layout>() ? 8 : 32);
      s00 = madd(a0, b0, s00);
      s01 = madd(a0, b1, s01);
      const a1 = v128.load32_splat(a, isRows<Layout>() ? 24 : 36);
      s10 = madd(a1, b0, s10);
      s11 = madd(a1, b1, s11);
      const a2 = v128.load32_splat(a, 40);
      s20 = madd(a2, b0, s20);
      s21 = madd(a2, b1, s21);
      const a3 = v128.load32_splat(a, isRows<Layout>() ? 56 : 44);
      s30 = madd(a3, b0, s30);
      s31 = madd(a3, b1, s31);
    }
    if (--k == 0) break;
    {
      const b0 = v128.load(b, 96);
      const b1 = v128.load(b, 112);
      const a0 = v128.load32_splat(a, isRows<Layout>() ? 12 : 48);
      s00 = madd(a0, b0, s00);
      s01 = madd(a0, b1, s01);
      const a1 = v128.load32_splat(a, isRows<Layout>() ? 28 : 52);
      s10 = madd(a1, b0, s10);
      s11 = madd(a1, b1, s11);
      const a2 = v128.load32_splat(a, isRows<Layout>() ? 44 : 56);
      s20 = madd(a2, b0, s20);
      s21 = madd(a2, b1, s21);
      const a3 = v128.load32_splat(a, 60);
      s30 = madd(a3, b0, s30);
      s31 = madd(a3, b1, s31);
    }
    if (--k == 0) break;
    a += 64;
    b += 128;
  }
  v128.store(c0, s00);
  v128.store(c0, s01, 16);
  v128.store(c1, s10);
  v128.store(c1, s11, 16);
  v128.store(c2, s20);
  v128.store(c2, s21, 16);
  v128.store(c3, s30);
  v128.store(c3, s31, 16);
}
