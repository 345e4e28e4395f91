/// dx := invStd * (g - sum g / n - xhat * sum (g * xhat) / n) over each group's n elements, with
/// g = dy * gamma and xhat = (x - mean) * invStd.
/// Constants: V, WIDTH (numbers in V), Stored (V, or its half), LANES, GAMMA (whether there is one).
struct Params {
  units: u32, // outer * groups
  positions: u32,
  groups: u32,
  width: u32,
  samples: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read> dy: array<Stored>;
@group(0) @binding(3) var<storage, read> gamma: array<V>;
@group(0) @binding(4) var<storage, read> mean: array<f32>;
@group(0) @binding(5) var<storage, read> invStd: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<Stored>;

fn gradientAt(at: Unit, e: u32, i: u32) -> V {
  let g = V(dy[i]);
  if (GAMMA) {
    return g * gamma[at.group * params.width + e % params.width];
  }
  return g;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = unitOf(groupIndex(id, counts), lane);
  let unit = min(at.unit, params.units - 1);
  let center = mean[unit];
  let scale = invStd[unit];
  var sum = V(0);
  var products = V(0);
  for (var e = at.first; e < at.end; e += LANES) {
    let i = indexOf(at, e);
    let g = gradientAt(at, e, i);
    sum += g;
    products += g * ((V(x[i]) - center) * scale);
  }
  let shift = totalOf(lane, sum) / params.samples;
  let slope = totalOf(lane, products) / params.samples;
  for (var e = at.first; e < at.end; e += LANES) {
    let i = indexOf(at, e);
    let normal = (V(x[i]) - center) * scale;
    dx[i] = Stored(scale * (gradientAt(at, e, i) - shift - normal * slope));
  }
}
