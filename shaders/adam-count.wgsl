/// Counts a step of Adam, by one invocation, and computes its bias corrections 1 - beta^t to float32's
/// last digits: after a million steps as after one. Constants: V (f32), I, U, B; SKIPS: not if skip[2]
/// is not 0.
/// Learning rate, betas and so on; from 8, ln(beta) of both as sums of two.
@group(0) @binding(1) var<storage, read> hyper: array<f32>;
/// Steps, 1 - beta1^steps, 1 - beta2^steps.
@group(0) @binding(2) var<storage, read_write> count: array<f32>;
@group(0) @binding(3) var<storage, read> skip: array<f32>;

/// 1 - e^(t ln beta), with ln beta = high + low < 0, where high has 12 bits.
fn correction(t: f32, high: f32, low: f32) -> f32 {
  let tHigh = upper(t);
  let large = tHigh * high; // exact
  let small = (t - tHigh) * high + t * low;
  // 1 - e^x = (1 - 2^n) - 2^n (e^r - 1) with x = n ln(2) + r, as in expOfSum.
  let n = clamp(round((large + small) * 1.44269504088896341), -126.0, 0.0);
  let r = ((large - n * 0.693359375) + n * 2.12194440e-4) + small;
  let scale = bitcast<f32>((i32(n) + 127) << 23u);
  let result = (1.0 - scale) - scale * expMinusOne(r);
  return select(result, 1.0, large + small < -30.0);
}

@compute @workgroup_size(1)
fn main() {
  if (SKIPS && skip[2] != 0.0) {
    return;
  }
  let t = count[0] + 1.0;
  count[0] = t;
  count[1] = correction(t, hyper[8], hyper[9]);
  count[2] = correction(t, hyper[10], hyper[11]);
}
