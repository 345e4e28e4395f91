/// Elementary functions to about 1 ulp of float32, on V (f32 or vec4f) with I, U and B its integer
/// and boolean twins. WGSL allows its built-ins far more: log 2^-21 and sin 2^-11 in absolute error.
/// NaN is told as compare.wgsl does it.
/// Polynomials: Cephes (S. L. Moshier), single precision.

fn expOf(x: V) -> V {
  return expOfSum(x, V(0));
}

/// e^r - 1 for |r| <= ln(2) / 2.
fn expMinusOne(r: V) -> V {
  var p = r * 1.9875691500e-4 + 1.3981999507e-3;
  p = p * r + 8.3334519073e-3;
  p = p * r + 4.1665795894e-2;
  p = p * r + 1.6666665459e-1;
  p = p * r + 5.0000001201e-1;
  return p * r * r + r;
}

/// e^(high + low), |low| small beside |high|.
fn expOfSum(high: V, low: V) -> V {
  // e^x = 2^n e^r with |r| <= ln(2) / 2; ln(2) in two parts keeps n ln(2) exact.
  let x = high + low;
  let n = clamp(round(x * 1.44269504088896341), V(-126), V(128));
  let r = ((high - n * 0.693359375) + n * 2.12194440e-4) + low;
  let y = expMinusOne(r) + 1.0;
  // 2^128 is no float, so the power is applied in two steps.
  let whole = I(n);
  let half = whole >> U(1);
  let below = bitcast<V>((half + 127) << U(23));
  let above = bitcast<V>((whole - half + 127) << U(23));
  return select(y * below * above, V(0), isLess(x, V(-87.3)));
}

fn logOf(x: V) -> V {
  // x = 2^e m with m in [sqrt(1/2), sqrt(2))
  let bits = bitcast<I>(x);
  let shifted = bits - 0x3f3504f3;
  let e = V(shifted >> U(23));
  let f = bitcast<V>((shifted & I(0x7fffff)) + 0x3f3504f3) - 1.0;
  var p = f * 7.0376836292e-2 - 1.1514610310e-1;
  p = p * f + 1.1676998740e-1;
  p = p * f - 1.2420140846e-1;
  p = p * f + 1.4249322787e-1;
  p = p * f - 1.6668057665e-1;
  p = p * f + 2.0000714765e-1;
  p = p * f - 2.4999993993e-1;
  p = p * f + 3.3333331174e-1;
  let square = f * f;
  let y = p * f * square - e * 2.12194440e-4 - 0.5 * square + f + e * 0.693359375;
  // Zero (and the subnormal, which GPUs take for zero) gives -inf, the negative NaN.
  let infinite = bitcast<V>((bits & I(0)) | I(-0x800000));
  let invalid = bitcast<V>(bits | I(0x7fc00000));
  let zero = (bits & I(0x7fffffff)) < I(0x00800000);
  let unusual = select(select(x, invalid, bits < I(0)), infinite, zero);
  return select(unusual, y, (bits >= I(0x00800000)) & (bits < I(0x7f800000)));
}

/// The upper 12 bits of a significand: products of two such are exact. Made with integers, so that no
/// compiler takes what is left, x - upper(x), for zero.
fn upper(x: V) -> V {
  return bitcast<V>(bitcast<U>(x) & U(0xfffff000));
}

/// e^(y ln x) for a positive normal x, with ln x = high + low known to about 2^-33 of it.
fn powOfNormal(x: V, y: V) -> V {
  // x = 2^e m with m in [sqrt(1/2), sqrt(2)); ln m = 2 atanh(s) = 2 s + s^3 (2/3 + 2/5 s^2 + ...)
  let shifted = bitcast<I>(x) - 0x3f3504f3;
  let e = V(shifted >> U(23));
  let m = bitcast<V>((shifted & I(0x7fffff)) + 0x3f3504f3);
  let s = (m - 1.0) / (m + 1.0);
  // What the division left: s = sHigh + sLow, from m + 1 = tHigh + tLow.
  let sHigh = upper(s);
  let tHigh = upper(m + 1.0);
  let tLow = m - (tHigh - 1.0);
  let sLow = ((m - 1.0 - sHigh * tHigh) - sHigh * tLow) / (m + 1.0);
  let z = s * s;
  var p = z * 0.18181818 + 0.22222222;
  p = p * z + 0.28571429;
  p = p * z + 0.4;
  p = p * z + 0.66666667;
  let large = e * 0.693359375;
  let high = upper(large + 2.0 * sHigh);
  let low = ((large - high) + 2.0 * sHigh) + (2.0 * sLow + (p * z * s - e * 2.12194440e-4));
  let yHigh = upper(y);
  return expOfSum(yHigh * high, (y - yHigh) * high + y * low);
}

fn log1pOf(x: V) -> V {
  // Near 0 by 2 atanh(x / (2 + x)).
  let s = x / (x + 2.0);
  let z = s * s;
  let p = ((((z * 0.18181818 + 0.22222222) * z + 0.28571429) * z + 0.4) * z + 0.66666667) * z + 2.0;
  return select(logOf(1.0 + x), p * s, abs(x) < V(0.4));
}

fn expm1Of(x: V) -> V {
  let t = tanhOf(0.5 * x);
  return select(expOf(x) - 1.0, (t + t) / (1.0 - t), abs(x) < V(0.5));
}

fn erfOf(x: V) -> V {
  // Minimax polynomials by N. Juffa: odd in x below 0.93, beyond it of -ln(1 - erf |x|).
  let t = abs(x);
  let s = x * x;
  var p = s * -5.96761703e-4 + 4.99119423e-3;
  p = p * s - 2.67681349e-2;
  p = p * s + 1.12819925e-1;
  p = p * s - 3.76125336e-1;
  p = p * s + 1.28379166e-1;
  var q = t * -1.7285347e-5 + 3.83197126e-4;
  q = q * t - 3.88396438e-3;
  q = q * t + 2.42546219e-2;
  q = q * t - 1.06777877e-1;
  q = q * t - 6.34846687e-1;
  q = q * t - 1.28717512e-1;
  return select(sign(x) * (1.0 - expOf(q * t - t)), p * x + x, t < V(0.927734375));
}

/// x^y with all the special cases of C's pow (IEEE 754-2008, 9.2.1): 1 where y is 0 or x is 1, a
/// negative x needs an integer y.
fn powOf(x: V, y: V) -> V {
  let xBits = bitcast<U>(x);
  let yBits = bitcast<U>(y);
  let xSize = xBits & U(0x7fffffff);
  let ySize = yBits & U(0x7fffffff);
  let infinite = bitcast<V>((xBits & U(0)) | U(0x7f800000));
  let invalid = bitcast<V>(xBits | U(0x7fc00000));
  // A zero (subnormals are taken for it) or infinite operand: x is driven to 0 or to infinity.
  let extremeX = (xSize < U(0x00800000)) | (xSize == U(0x7f800000));
  let grows = (xSize > U(0x3f800000)) != (yBits > U(0x7fffffff));
  let limit = select(V(0), infinite, grows);
  let extreme = extremeX | (ySize == U(0x7f800000));
  var size = select(powOfNormal(abs(x), y), limit, extreme);
  size = select(size, V(1), xSize == U(0x3f800000));
  let whole = floor(y) == y;
  let odd = whole & (floor(y * 0.5) != y * 0.5);
  let negative = xBits > U(0x7fffffff);
  let signed = select(size, -size, negative & odd);
  let wrong = (negative & !whole & !extremeX) | isNan(x) | isNan(y);
  return select(select(signed, invalid, wrong), V(1), (ySize == U(0)) | (xBits == U(0x3f800000)));
}

fn tanhOf(x: V) -> V {
  let size = abs(x);
  let square = x * x;
  var p = square * -5.70498872745e-3 + 2.06390887954e-2;
  p = p * square - 5.37397155531e-2;
  p = p * square + 1.33314422036e-1;
  p = p * square - 3.33332819422e-1;
  let near = p * square * x + x;
  let far = sign(x) * (1.0 - 2.0 / (expOf(2.0 * size) + 1.0));
  return select(near, far, size > V(0.625));
}

/// sin(x + quadrants pi/2); pi/2 in three parts keeps |x| up to about 10^4 accurate.
fn sineOf(x: V, quadrants: i32) -> V {
  let n = round(x * 0.63661977236758134);
  let r = ((x - n * 1.5703125) - n * 4.837512969970703125e-4) - n * 7.549789948768648e-8;
  let square = r * r;
  var s = square * -1.9515295891e-4 + 8.3321608736e-3;
  s = s * square - 1.6666654611e-1;
  s = s * square * r + r;
  var c = square * 2.443315711809948e-5 - 1.388731625493765e-3;
  c = c * square + 4.166664568298827e-2;
  c = c * square * square - 0.5 * square + 1.0;
  let quadrant = I(n) + quadrants;
  let size = select(s, c, (quadrant & I(1)) == I(1));
  return select(size, -size, (quadrant & I(2)) == I(2));
}

fn sinOf(x: V) -> V {
  return sineOf(x, 0);
}

fn cosOf(x: V) -> V {
  return sineOf(x, 1);
}
