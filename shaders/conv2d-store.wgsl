// What becomes of a convolution's results: they are stored.
fn store(p: Params, z: u32, m: u32, n: u32, value: vec4f) {
  if (m < p.m && n < p.n) {
    write(m * p.n + n, value, p.n - n);
  }
}
