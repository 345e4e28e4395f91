// Elementary functions on four lanes, relative error below 1e-6 of the exact value.

import { madd } from "./simd";

/** One step of Horner's rule. */
// @ts-ignore: decorator
@inline
function horner(accumulator: v128, x: v128, c: f32): v128 {
  return madd(accumulator, x, f32x4.splat(c));
}

/** 2 ** n for integer lanes in [-126, 127]. */
// @ts-ignore: decorator
@inline
function powerOfTwo(n: v128): v128 {
  return i32x4.shl(i32x4.add(n, i32x4.splat(127)), 23);
}

/**
 * e ** x = 2 ** n * e ** r, n = round(x / ln 2), |r| <= ln(2) / 2, e ** r by its Taylor polynomial
 * of degree 7. The scaling is in two halves, so that overflow and subnormal results come out right.
 */
export function exp(x: v128): v128 {
  // pmin and pmax pass on a not-a-number in their first operand.
  const held = f32x4.pmin(f32x4.pmax(x, f32x4.splat(-104)), f32x4.splat(89));
  const n = f32x4.nearest(f32x4.mul(held, f32x4.splat(1.44269504)));
  // ln 2 in two parts: the first has few enough bits that n times it is exact.
  let r = f32x4.sub(held, f32x4.mul(n, f32x4.splat(0.693359375)));
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(-2.12194440e-4)));
  let y = f32x4.splat(1.0 / 5040);
  y = horner(y, r, 1.0 / 720);
  y = horner(y, r, 1.0 / 120);
  y = horner(y, r, 1.0 / 24);
  y = horner(y, r, 1.0 / 6);
  y = horner(y, r, 0.5);
  y = f32x4.add(f32x4.splat(1), f32x4.add(r, f32x4.mul(f32x4.mul(r, r), y)));
  const k = i32x4.trunc_sat_f32x4_s(n);
  const half = i32x4.shr_s(k, 1);
  return f32x4.mul(f32x4.mul(y, powerOfTwo(half)), powerOfTwo(i32x4.sub(k, half)));
}

/**
 * ln x = k ln 2 + ln(1 + f), 1 + f in [sqrt(1/2), sqrt(2)). With s = f / (2 + f),
 * ln(1 + f) = 2 atanh(s) = 2 s (1 + s^2 / 3 + s^4 / 5 + ...).
 */
export function log(x: v128): v128 {
  // Subnormal arguments are scaled into the normal range first.
  const small = f32x4.lt(x, f32x4.splat(1.17549435e-38));
  const scaled = v128.bitselect(f32x4.mul(x, f32x4.splat(8388608)), x, small);
  const offset = i32x4.splat(0x3f3504f3);
  const biased = i32x4.sub(scaled, offset);
  const k = i32x4.sub(i32x4.shr_s(biased, 23), v128.and(small, i32x4.splat(23)));
  const m = i32x4.add(v128.and(biased, i32x4.splat(0x007fffff)), offset);
  const f = f32x4.sub(m, f32x4.splat(1));
  const s = f32x4.div(f, f32x4.add(f32x4.splat(2), f));
  const z = f32x4.mul(s, s);
  let r = f32x4.splat(2.0 / 9);
  r = horner(r, z, 2.0 / 7);
  r = horner(r, z, 2.0 / 5);
  r = horner(r, z, 2.0 / 3);
  r = f32x4.mul(z, r);
  // 2 s = f - s f exactly up to one rounding, which keeps the relative error near x = 1.
  const half = f32x4.mul(f32x4.mul(f, f), f32x4.splat(0.5));
  const tail = f32x4.mul(s, f32x4.add(half, r));
  const kf = f32x4.convert_i32x4_s(k);
  const low = f32x4.add(f32x4.mul(kf, f32x4.splat(-2.12194440e-4)), f32x4.sub(tail, half));
  let y = f32x4.add(f32x4.mul(kf, f32x4.splat(0.693359375)), f32x4.add(low, f));
  const infinity = f32x4.splat(Infinity);
  y = v128.bitselect(infinity, y, f32x4.eq(x, infinity));
  y = v128.bitselect(f32x4.splat(-Infinity), y, f32x4.eq(x, f32x4.splat(0)));
  const bad = v128.or(f32x4.lt(x, f32x4.splat(0)), f32x4.ne(x, x));
  return v128.bitselect(f32x4.splat(NaN), y, bad);
}

/** ln(1 + x): near 0 by 2 atanh(x / (2 + x)), as in log. */
export function log1p(x: v128): v128 {
  const s = f32x4.div(x, f32x4.add(f32x4.splat(2), x));
  const z = f32x4.mul(s, s);
  let r = f32x4.splat(2.0 / 11);
  r = horner(r, z, 2.0 / 9);
  r = horner(r, z, 2.0 / 7);
  r = horner(r, z, 2.0 / 5);
  r = horner(r, z, 2.0 / 3);
  r = horner(r, z, 2.0);
  const far = log(f32x4.add(f32x4.splat(1), x));
  return v128.bitselect(f32x4.mul(r, s), far, f32x4.lt(f32x4.abs(x), f32x4.splat(0.4)));
}

/** e ** x - 1: near 0 by t = tanh(x / 2), 2 t / (1 - t). */
export function expm1(x: v128): v128 {
  const one = f32x4.splat(1);
  const t = tanh(f32x4.mul(x, f32x4.splat(0.5)));
  const near = f32x4.div(f32x4.add(t, t), f32x4.sub(one, t));
  const far = f32x4.sub(exp(x), one);
  return v128.bitselect(near, far, f32x4.lt(f32x4.abs(x), f32x4.splat(0.5)));
}

/** Minimax polynomials by N. Juffa: odd in x below 0.93, beyond it of -ln(1 - erf |x|). */
export function erf(x: v128): v128 {
  const t = f32x4.abs(x);
  const s = f32x4.mul(x, x);
  let near = f32x4.splat(-5.96761703e-4);
  near = horner(near, s, 4.99119423e-3);
  near = horner(near, s, -2.67681349e-2);
  near = horner(near, s, 1.12819925e-1);
  near = horner(near, s, -3.76125336e-1);
  near = horner(near, s, 1.28379166e-1);
  near = madd(near, x, x);
  let far = f32x4.splat(-1.7285347e-5);
  far = horner(far, t, 3.83197126e-4);
  far = horner(far, t, -3.88396438e-3);
  far = horner(far, t, 2.42546219e-2);
  far = horner(far, t, -1.06777877e-1);
  far = horner(far, t, -6.34846687e-1);
  far = horner(far, t, -1.28717512e-1);
  far = madd(far, t, f32x4.neg(t));
  far = f32x4.sub(f32x4.splat(1), exp(far));
  const sign = v128.and(x, i32x4.splat(0x80000000));
  return v128.bitselect(near, v128.or(far, sign), f32x4.lt(t, f32x4.splat(0.927734375)));
}

/** Near 0 Cephes' odd polynomial, elsewhere 1 - 2 / (e ** 2|x| + 1) with x's sign. */
export function tanh(x: v128): v128 {
  const z = f32x4.mul(x, x);
  let y = f32x4.splat(-5.70498872745e-3);
  y = horner(y, z, 2.06390887954e-2);
  y = horner(y, z, -5.37397155531e-2);
  y = horner(y, z, 1.33314422036e-1);
  y = horner(y, z, -3.33332819422e-1);
  const near = f32x4.add(x, f32x4.mul(x, f32x4.mul(z, y)));
  const size = f32x4.abs(x);
  const grown = exp(f32x4.add(size, size));
  const one = f32x4.splat(1);
  const far = f32x4.sub(one, f32x4.div(f32x4.splat(2), f32x4.add(grown, one)));
  const sign = v128.and(x, i32x4.splat(0x80000000));
  return v128.bitselect(near, v128.or(far, sign), f32x4.lt(size, f32x4.splat(0.625)));
}

/** sin(r + q * pi / 2) for |r| <= pi / 4: minimax polynomials of FreeBSD's sinf and cosf. */
// @ts-ignore: decorator
@inline
function quarterSine(r: v128, q: v128): v128 {
  const z = f32x4.mul(r, r);
  let s = f32x4.splat(2.71831149398982e-6);
  s = horner(s, z, -1.98393348360966e-4);
  s = horner(s, z, 8.33332938588946e-3);
  s = horner(s, z, -1.66666666416266e-1);
  s = f32x4.add(r, f32x4.mul(f32x4.mul(s, z), r));
  let c = f32x4.splat(2.43904487962774e-5);
  c = horner(c, z, -1.38867637746099e-3);
  c = horner(c, z, 4.16666233237390e-2);
  c = horner(c, z, -4.99999997251031e-1);
  c = f32x4.add(f32x4.splat(1), f32x4.mul(c, z));
  const odd = i32x4.ne(v128.and(q, i32x4.splat(1)), i32x4.splat(0));
  const sign = i32x4.shl(v128.and(q, i32x4.splat(2)), 30);
  return v128.xor(v128.bitselect(c, s, odd), sign);
}

/** Two lanes of x - n * pi / 2 in double precision; pi / 2 in two parts, the first of 33 bits. */
// @ts-ignore: decorator
@inline
function reduceLanes(x: v128, n: v128): v128 {
  const r = f64x2.sub(x, f64x2.mul(n, f64x2.splat(1.57079632673412561417e0)));
  return f64x2.sub(r, f64x2.mul(n, f64x2.splat(6.07710050650619224932e-11)));
}

/** sin(x + quadrant * pi / 2): the argument is reduced in double precision, |x| up to 2 ** 30. */
// @ts-ignore: decorator
@inline
function sine(x: v128, quadrant: i32): v128 {
  const low = f64x2.promote_low_f32x4(x);
  const high = f64x2.promote_low_f32x4(i32x4.shuffle(x, x, 2, 3, 2, 3));
  const perRightAngle = f64x2.splat(6.36619772367581382433e-1);
  const lowN = f64x2.nearest(f64x2.mul(low, perRightAngle));
  const highN = f64x2.nearest(f64x2.mul(high, perRightAngle));
  const r = i32x4.shuffle(
    f32x4.demote_f64x2_zero(reduceLanes(low, lowN)),
    f32x4.demote_f64x2_zero(reduceLanes(high, highN)),
    0, 1, 4, 5,
  );
  const n = i32x4.shuffle(
    i32x4.trunc_sat_f64x2_s_zero(lowN),
    i32x4.trunc_sat_f64x2_s_zero(highN),
    0, 1, 4, 5,
  );
  return quarterSine(r, i32x4.add(n, i32x4.splat(quadrant)));
}

/** sin(2 pi u + quadrant * pi / 2) for u in [0, 1]: the quarter turns come off exactly. */
export function sineOfTurn(u: v128, quadrant: i32): v128 {
  const quarters = f32x4.mul(u, f32x4.splat(4));
  const n = f32x4.nearest(quarters);
  const r = f32x4.mul(f32x4.sub(quarters, n), f32x4.splat(1.57079632679));
  return quarterSine(r, i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(quadrant)));
}

export function sin(x: v128): v128 {
  return sine(x, 0);
}

export function cos(x: v128): v128 {
  return sine(x, 1);
}

/**
 * C's pow, lane by lane in double precision: e ** (b ln a) in single precision would lose |b ln a|
 * ulps. The library's is JavaScript's, where 1 to the power of NaN, and +-1 to that of infinity, are
 * NaN instead of 1.
 */
export function pow(a: v128, b: v128): v128 {
  const one = f32x4.splat(1);
  const infinite = f32x4.eq(f32x4.abs(b), f32x4.splat(Infinity));
  const always = v128.or(f32x4.eq(a, one), v128.and(f32x4.eq(f32x4.abs(a), one), infinite));
  return v128.bitselect(one, powOfLanes(a, b), always);
}

function powOfLanes(a: v128, b: v128): v128 {
  let y = f32x4.splat(NativeMathf.pow(f32x4.extract_lane(a, 0), f32x4.extract_lane(b, 0)));
  y = f32x4.replace_lane(y, 1, NativeMathf.pow(f32x4.extract_lane(a, 1), f32x4.extract_lane(b, 1)));
  y = f32x4.replace_lane(y, 2, NativeMathf.pow(f32x4.extract_lane(a, 2), f32x4.extract_lane(b, 2)));
  return f32x4.replace_lane(
    y,
    3,
    NativeMathf.pow(f32x4.extract_lane(a, 3), f32x4.extract_lane(b, 3)),
  );
}

// @ts-ignore: decorator
@inline
function quotient(a: u32, b: u32): u32 {
  return b == 0 ? a : a / b;
}

/** Unsigned lanes; a / 0 is a. */
export function divide(a: v128, b: v128): v128 {
  let y = i32x4.splat(quotient(i32x4.extract_lane(a, 0), i32x4.extract_lane(b, 0)));
  y = i32x4.replace_lane(y, 1, quotient(i32x4.extract_lane(a, 1), i32x4.extract_lane(b, 1)));
  y = i32x4.replace_lane(y, 2, quotient(i32x4.extract_lane(a, 2), i32x4.extract_lane(b, 2)));
  return i32x4.replace_lane(y, 3, quotient(i32x4.extract_lane(a, 3), i32x4.extract_lane(b, 3)));
}
