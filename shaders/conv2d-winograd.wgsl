// Winograd's F(4x4, 3x3): 16 outputs of a 3x3 filter with 36 multiplications instead of 144.
//
//   y = A' [(G g G') * (B' d B)] A        (Lavin and Gray, arXiv 1509.09308, equation 8)
//
// with d a tile of 6x6 inputs, g the filter, y a tile of 4x4 outputs and * elementwise; over
// channels the products become 36 matrix products. Interpolation points 0, a, -a, b, -b, infinity
// with a = 1 / sqrt(2), b = sqrt(2): in float32 half the error of the usual 0, 1, -1, 2, -2.
// The weight's gradient is the adjoint, G' [(A dy A') * (B' d B)] G.
const a = 0.70710678118654752;
const b = 1.41421356237309505;

alias Three = array<f32, 3>;
alias Four = array<f32, 4>;
alias Six = array<f32, 6>;

/// B' d
fn transformInput(d: Six) -> Six {
  let even1 = d[4] - 2 * d[2];
  let odd1 = a * (d[3] - 2 * d[1]);
  let even2 = d[4] - 0.5 * d[2];
  let odd2 = b * (d[3] - 0.5 * d[1]);
  return Six(
    d[0] - 2.5 * d[2] + d[4],
    even1 + odd1,
    even1 - odd1,
    even2 + odd2,
    even2 - odd2,
    d[1] - 2.5 * d[3] + d[5],
  );
}

/// G g
fn transformFilter(g: Three) -> Six {
  let even1 = (g[0] + 0.5 * g[2]) / -1.5;
  let odd1 = a * g[1] / -1.5;
  let even2 = (g[0] + 2 * g[2]) / 6;
  let odd2 = b * g[1] / 6;
  return Six(g[0], even1 + odd1, even1 - odd1, even2 + odd2, even2 - odd2, g[2]);
}

/// A' m
fn transformOutput(m: Six) -> Four {
  let even1 = m[1] + m[2];
  let odd1 = a * (m[1] - m[2]);
  let even2 = m[3] + m[4];
  let odd2 = b * (m[3] - m[4]);
  return Four(
    m[0] + even1 + even2,
    odd1 + odd2,
    0.5 * even1 + 2 * even2,
    0.5 * odd1 + 2 * odd2 + m[5],
  );
}

/// A y
fn transformOutputAdjoint(y: Four) -> Six {
  let even1 = y[0] + 0.5 * y[2];
  let odd1 = a * (y[1] + 0.5 * y[3]);
  let even2 = y[0] + 2 * y[2];
  let odd2 = b * (y[1] + 2 * y[3]);
  return Six(y[0], even1 + odd1, even1 - odd1, even2 + odd2, even2 - odd2, y[3]);
}

/// G' m
fn transformFilterAdjoint(m: Six) -> Three {
  let even1 = (m[1] + m[2]) / -1.5;
  let odd1 = (m[1] - m[2]) / -1.5;
  let even2 = (m[3] + m[4]) / 6;
  let odd2 = (m[3] - m[4]) / 6;
  return Three(m[0] + even1 + even2, a * odd1 + b * odd2, 0.5 * even1 + 2 * even2 + m[5]);
}
