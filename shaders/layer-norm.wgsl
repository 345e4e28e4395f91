/// Layer norm and group norm: x [outer, positions, groups, width] is normalised over positions and
/// width, out := (x - mean) * invStd * gamma + beta. LANES invocations (1, or all 64) take a group.
/// Constants: V, WIDTH (numbers in V), Stored (V, or its half), LANES, GAMMA, BETA (whether there is one).
struct Params {
  units: u32, // outer * groups
  positions: u32,
  groups: u32,
  width: u32,
  samples: f32,
  eps: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read> gamma: array<V>;
@group(0) @binding(3) var<storage, read> beta: array<V>;
@group(0) @binding(4) var<storage, read_write> mean: array<f32>;
@group(0) @binding(5) var<storage, read_write> invStd: array<f32>;
@group(0) @binding(6) var<storage, read_write> out: array<Stored>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = unitOf(groupIndex(id, counts), lane);
  var sum = V(0);
  for (var e = at.first; e < at.end; e += LANES) {
    sum += V(x[indexOf(at, e)]);
  }
  let center = totalOf(lane, sum) / params.samples;
  var squares = V(0);
  for (var e = at.first; e < at.end; e += LANES) {
    let d = V(x[indexOf(at, e)]) - center;
    squares += d * d;
  }
  let scale = 1 / sqrt(totalOf(lane, squares) / params.samples + params.eps);
  for (var e = at.first; e < at.end; e += LANES) {
    let i = indexOf(at, e);
    var y = (V(x[i]) - center) * scale;
    let c = at.group * params.width + e % params.width;
    if (GAMMA) {
      y *= gamma[c];
    }
    if (BETA) {
      y += beta[c];
    }
    out[i] = Stored(y);
  }
  if (at.first == 0 && at.end > 0) {
    mean[at.unit] = center;
    invStd[at.unit] = scale;
  }
}
