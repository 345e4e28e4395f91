// The linear maps of Winograd's minimal filtering, F(m x m, 3 x 3) with m = 4 or 2, four channels a
// vector (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015):
//
//   Y  = A^T [ (G g G^T) * (B^T d B) ] A             * elementwise, d a tile of a x a, a = m + 2
//   dg = G^T [ (B^T d B) * (A dY A^T) ] G            the gradient with respect to g
//
// m = 4 interpolates at 0, 1, -1, 2, -2 and infinity, m = 2 at 0, 1, -1 and infinity.
import { madd } from "./simd";

/** Marks the tile size at compile time. */
export class F4 {}
export class F2 {}

/** Marks the map: B^T, A^T, G, A, G^T. */
export class Input {}
export class Output {}
export class Weight {}
export class Gradient {}
export class WeightGradient {}

// @ts-ignore: decorator
@inline
function is<A, B>(): bool {
  return idof<A>() == idof<B>();
}

/** Side of a tile's output. */
// @ts-ignore: decorator
@inline
export function outputSide<F>(): i32 {
  return is<F, F4>() ? 4 : 2;
}

/** Side of a tile's input, and of its transform. */
// @ts-ignore: decorator
@inline
export function inputSide<F>(): i32 {
  return is<F, F4>() ? 6 : 4;
}

/** Number of products of a tile: 36 or 16. */
// @ts-ignore: decorator
@inline
export function products<F>(): i32 {
  return inputSide<F>() * inputSide<F>();
}

// @ts-ignore: decorator
@inline
function sourceSide<Map, F>(): i32 {
  if (is<Map, Weight>()) return 3;
  if (is<Map, Gradient>()) return outputSide<F>();
  return inputSide<F>();
}

// @ts-ignore: decorator
@inline
function targetSide<Map, F>(): i32 {
  if (is<Map, WeightGradient>()) return 3;
  if (is<Map, Output>()) return outputSide<F>();
  return inputSide<F>();
}

// @ts-ignore: decorator
@inline
function times(x: v128, factor: f32): v128 {
  return f32x4.mul(x, f32x4.splat(factor));
}

/** x * factor + y */
// @ts-ignore: decorator
@inline
function scaled(x: v128, factor: f32, y: v128): v128 {
  return madd(x, f32x4.splat(factor), y);
}

/** B^T d, six values given, stored `step` bytes apart. */
// @ts-ignore: decorator
@inline
export function input4(
  d0: v128, d1: v128, d2: v128, d3: v128, d4: v128, d5: v128, to: usize, step: usize,
): void {
  v128.store(to, scaled(d0, 4, scaled(d2, -5, d4)));
  const a = scaled(d2, -4, d4), b = scaled(d1, -4, d3);
  v128.store((to += step), f32x4.add(a, b));
  v128.store((to += step), f32x4.sub(a, b));
  const c = f32x4.sub(d4, d2), e = f32x4.sub(d3, d1);
  v128.store((to += step), scaled(e, 2, c));
  v128.store((to += step), scaled(e, -2, c));
  v128.store(to + step, scaled(d1, 4, scaled(d3, -5, d5)));
}

// @ts-ignore: decorator
@inline
export function input2(d0: v128, d1: v128, d2: v128, d3: v128, to: usize, step: usize): void {
  v128.store(to, f32x4.sub(d0, d2));
  v128.store((to += step), f32x4.add(d1, d2));
  v128.store((to += step), f32x4.sub(d2, d1));
  v128.store(to + step, f32x4.sub(d1, d3));
}

/** One map along one dimension: values `fromStep` bytes apart to values `toStep` bytes apart. */
// @ts-ignore: decorator
@inline
function map<Map, F>(from: usize, fromStep: usize, to: usize, toStep: usize): void {
  const x0 = v128.load(from);
  const x1 = v128.load((from += fromStep));
  if (is<Map, Gradient>() && is<F, F2>()) {
    v128.store(to, x0);
    v128.store((to += toStep), f32x4.add(x0, x1));
    v128.store((to += toStep), f32x4.sub(x0, x1));
    v128.store(to + toStep, f32x4.neg(x1));
    return;
  }
  const x2 = v128.load((from += fromStep));
  if (is<Map, Weight>()) {
    if (is<F, F4>()) {
      v128.store(to, times(x0, 1.0 / 4));
      const a = times(f32x4.add(x0, x2), -1.0 / 6), b = times(x1, 1.0 / 6);
      v128.store((to += toStep), f32x4.sub(a, b));
      v128.store((to += toStep), f32x4.add(a, b));
      const c = scaled(x0, 1.0 / 24, times(x2, 1.0 / 6)), d = times(x1, 1.0 / 12);
      v128.store((to += toStep), f32x4.add(c, d));
      v128.store((to += toStep), f32x4.sub(c, d));
    } else {
      v128.store(to, x0);
      const a = times(f32x4.add(x0, x2), 0.5), b = times(x1, 0.5);
      v128.store((to += toStep), f32x4.add(a, b));
      v128.store((to += toStep), f32x4.sub(a, b));
    }
    v128.store(to + toStep, x2);
    return;
  }
  const x3 = v128.load((from += fromStep));
  if (is<Map, Gradient>()) {
    v128.store(to, x0);
    const a = f32x4.add(x0, x2), b = f32x4.add(x1, x3);
    v128.store((to += toStep), f32x4.add(a, b));
    v128.store((to += toStep), f32x4.sub(a, b));
    const c = scaled(x2, 4, x0), d = scaled(x3, 8, f32x4.add(x1, x1));
    v128.store((to += toStep), f32x4.add(c, d));
    v128.store((to += toStep), f32x4.sub(c, d));
    v128.store(to + toStep, x3);
    return;
  }
  if (is<F, F2>()) {
    if (is<Map, Input>()) input2(x0, x1, x2, x3, to, toStep);
    const a = f32x4.add(x1, x2), b = f32x4.sub(x1, x2);
    if (is<Map, Output>()) {
      v128.store(to, f32x4.add(x0, a));
      v128.store(to + toStep, f32x4.sub(b, x3));
    }
    if (is<Map, WeightGradient>()) {
      v128.store(to, scaled(a, 0.5, x0));
      v128.store((to += toStep), times(b, 0.5));
      v128.store(to + toStep, scaled(a, 0.5, x3));
    }
    return;
  }
  const x4 = v128.load((from += fromStep));
  const x5 = v128.load(from + fromStep);
  if (is<Map, Input>()) {
    input4(x0, x1, x2, x3, x4, x5, to, toStep);
    return;
  }
  const a = f32x4.add(x1, x2), b = f32x4.sub(x1, x2);
  const c = f32x4.add(x3, x4), d = f32x4.sub(x3, x4);
  if (is<Map, Output>()) {
    v128.store(to, f32x4.add(x0, f32x4.add(a, c)));
    v128.store((to += toStep), scaled(d, 2, b));
    v128.store((to += toStep), scaled(c, 4, a));
    v128.store(to + toStep, f32x4.add(x5, scaled(d, 8, b)));
  } else {
    v128.store(to, scaled(x0, 1.0 / 4, scaled(c, 1.0 / 24, times(a, -1.0 / 6))));
    v128.store((to += toStep), scaled(d, 1.0 / 12, times(b, -1.0 / 6)));
    v128.store(to + toStep, scaled(f32x4.sub(c, a), 1.0 / 6, x5));
  }
}

/** The map along the second dimension, for all rows of the intermediate square at `square`. */
// @ts-ignore: decorator
@inline
export function mapColumns<Map, F>(square: usize, to: usize, rowStep: usize, step: usize): void {
  const columns = targetSide<Map, F>();
  for (let j = 0; j < columns; j++) {
    map<Map, F>(square, <usize>columns << 4, to, rowStep);
    square += 16;
    to += step;
  }
}

/** The map along both dimensions, by way of private memory at `square` (576 bytes). */
// @ts-ignore: decorator
@inline
export function mapSquare<Map, F>(
  from: usize, fromRowStep: usize, fromStep: usize, square: usize, to: usize, toRowStep: usize,
  toStep: usize,
): void {
  const rows = sourceSide<Map, F>();
  let at = square;
  for (let i = 0; i < rows; i++) {
    map<Map, F>(from, fromStep, at, 16);
    from += fromRowStep;
    at += <usize>targetSide<Map, F>() << 4;
  }
  mapColumns<Map, F>(square, to, toRowStep, toStep);
}
