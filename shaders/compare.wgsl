/// Comparisons and maxima with IEEE 754's NaN: it compares as false, and it wins. On V (f32 or vec4f)
/// with U and B its unsigned and boolean twins. A compiler may take floats as if none were NaN: a < b
/// then becomes !(a >= b), x != x false, and max drops NaN. So bits of integers tell it, and what
/// the comparison of floats says then is not selected.

fn isNan(x: V) -> B {
  return (bitcast<U>(x) & U(0x7fffffff)) > U(0x7f800000);
}

fn isLess(a: V, b: V) -> B {
  return select(a < b, B(false), isNan(a) | isNan(b));
}

fn isLessOrEqual(a: V, b: V) -> B {
  return select(a <= b, B(false), isNan(a) | isNan(b));
}

fn isEqual(a: V, b: V) -> B {
  return select(a == b, B(false), isNan(a) | isNan(b));
}

/// a > b in an order where NaN is above infinity.
fn isAbove(a: V, b: V) -> B {
  return select(select(a > b, B(true), isNan(a)), B(false), isNan(b));
}

fn maxOf(a: V, b: V) -> V {
  return select(select(select(a, b, a < b), b, isNan(b)), a, isNan(a));
}

fn minOf(a: V, b: V) -> V {
  return select(select(select(a, b, b < a), b, isNan(b)), a, isNan(a));
}

/// max(x, 0): the bits of negative numbers, from the smallest to infinity, are those of NaN left out.
fn reluOf(x: V) -> V {
  return select(x, V(0), (bitcast<U>(x) - U(0x80000001)) <= U(0x7f7fffff));
}
