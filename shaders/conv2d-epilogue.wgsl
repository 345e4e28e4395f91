// What becomes of a convolution's results in inference: bias, residual and ReLU before they are
// stored. Constants: V (vec4f), U, B; RESIDUAL, RELU; VEC4, Bias (vec4f or f32), Residual (what it
// is stored as) and Residuals (four of them).
@group(0) @binding(4) var<storage, read> bias: array<Bias>;
@group(0) @binding(5) var<storage, read> residual: array<Residual>;

fn biasAt(n: u32, last: u32) -> vec4f {
  if (VEC4) {
    return vec4f(bias[n / 4u]);
  }
  return vec4f(
    vec4f(bias[n]).x,
    vec4f(bias[n + min(1u, last)]).x,
    vec4f(bias[n + min(2u, last)]).x,
    vec4f(bias[n + min(3u, last)]).x,
  );
}

fn residualAt(index: u32, last: u32) -> vec4f {
  if (VEC4) {
    return vec4f(Residuals(residual[index / 4u]));
  }
  return vec4f(
    f32(Residuals(residual[index]).x),
    f32(Residuals(residual[index + min(1u, last)]).x),
    f32(Residuals(residual[index + min(2u, last)]).x),
    f32(Residuals(residual[index + min(3u, last)]).x),
  );
}

fn store(p: Params, z: u32, m: u32, n: u32, value: vec4f) {
  if (m >= p.m || n >= p.n) {
    return;
  }
  let index = m * p.n + n;
  let left = p.n - n;
  var result = value + biasAt(n, left - 1u);
  if (RESIDUAL) {
    result += residualAt(index, left - 1u);
  }
  if (RELU) {
    result = reluOf(result);
  }
  write(index, result, left);
}
