// Helpers that every kernel may use. Loads may run past a slice's end (memory beyond it is always
// mapped); stores may not, hence storeTail.

/** a * b + c; one rounding where the engine has relaxed SIMD on hardware with FMA, else two. */
// @ts-ignore: decorator
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** Stores the first `count` (0 to 3) lanes of v. */
// @ts-ignore: decorator
@inline
export function storeTail(to: usize, v: v128, count: i32): void {
  if (count > 0) f32.store(to, f32x4.extract_lane(v, 0));
  if (count > 1) f32.store(to, f32x4.extract_lane(v, 1), 4);
  if (count > 2) f32.store(to, f32x4.extract_lane(v, 2), 8);
}

/** The first item of `thread`'s share when `items` are split into `threads` contiguous runs. */
// @ts-ignore: decorator
@inline
export function shareStart(items: u32, thread: i32, threads: i32): u32 {
  return <u32>((<u64>items * <u64>thread) / <u64>threads);
}
