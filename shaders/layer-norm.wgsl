/// Layer norm and group norm. x [outer, positions, groups, width] is normalised over positions and
/// width: such a unit is taken by LANES invocations (1, or all 64 of a workgroup).
/// main:     out := (x - mean) * invStd * gamma + beta.
/// gradient: out := invStd * (g - sum g / n - xhat * sum (g * xhat) / n), the gradient of x, with
///           g = dy * gamma, xhat = (x - mean) * invStd and n the unit's elements.
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
@group(0) @binding(6) var<storage, read_write> out: array<Stored>;
// Of main.
@group(0) @binding(3) var<storage, read> beta: array<V>;
@group(0) @binding(4) var<storage, read_write> mean: array<f32>;
@group(0) @binding(5) var<storage, read_write> invStd: array<f32>;
// Of gradient.
@group(0) @binding(3) var<storage, read> dy: array<Stored>;
@group(0) @binding(4) var<storage, read> knownMean: array<f32>;
@group(0) @binding(5) var<storage, read> knownInvStd: array<f32>;

struct Unit {
  index: u32,
  group: u32,
  /// Of its first element.
  base: u32,
  /// This invocation's elements are first, first + LANES, ... below end.
  first: u32,
  end: u32,
}

fn unitOf(workgroup: u32, lane: u32) -> Unit {
  let index = (workgroup * 64 + lane) / LANES;
  let group = index % params.groups;
  let base = (index / params.groups * params.positions * params.groups + group) * params.width;
  // Beyond the last unit there are no elements, only barriers to take part in.
  let end = select(0, params.positions * params.width, index < params.units);
  return Unit(min(index, params.units - 1), group, base, lane % LANES, end);
}

fn indexOf(unit: Unit, element: u32) -> u32 {
  let position = element / params.width;
  return unit.base + element + position * (params.groups - 1) * params.width;
}

fn channelOf(unit: Unit, element: u32) -> u32 {
  return unit.group * params.width + element % params.width;
}

var<workgroup> slots: array<f32, 64>;

/// The sum of the unit's values, to every invocation of it.
fn totalOf(lane: u32, value: V) -> f32 {
  let own = select(dot(vec4f(value), vec4f(1)), vec4f(value).x, WIDTH == 1);
  if (LANES == 1) {
    return own;
  }
  slots[lane] = own;
  workgroupBarrier();
  var total = slots[0];
  for (var other = 1; other < 64; other++) {
    total += slots[other];
  }
  workgroupBarrier();
  return total;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let unit = unitOf(groupIndex(id, counts), lane);
  var sum = V(0);
  for (var e = unit.first; e < unit.end; e += LANES) {
    sum += V(x[indexOf(unit, e)]);
  }
  let center = totalOf(lane, sum) / params.samples;
  var squares = V(0);
  for (var e = unit.first; e < unit.end; e += LANES) {
    let d = V(x[indexOf(unit, e)]) - center;
    squares += d * d;
  }
  let scale = 1 / sqrt(totalOf(lane, squares) / params.samples + params.eps);
  for (var e = unit.first; e < unit.end; e += LANES) {
    let i = indexOf(unit, e);
    var y = (V(x[i]) - center) * scale;
    if (GAMMA) {
      y *= gamma[channelOf(unit, e)];
    }
    if (BETA) {
      y += beta[channelOf(unit, e)];
    }
    out[i] = Stored(y);
  }
  if (unit.first == 0 && unit.end > 0) {
    mean[unit.index] = center;
    invStd[unit.index] = scale;
  }
}

fn gradientAt(unit: Unit, e: u32) -> V {
  let g = V(dy[indexOf(unit, e)]);
  if (GAMMA) {
    return g * gamma[channelOf(unit, e)];
  }
  return g;
}

@compute @workgroup_size(64)
fn gradient(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let unit = unitOf(groupIndex(id, counts), lane);
  let center = knownMean[unit.index];
  let scale = knownInvStd[unit.index];
  var sum = V(0);
  var products = V(0);
  for (var e = unit.first; e < unit.end; e += LANES) {
    let g = gradientAt(unit, e);
    sum += g;
    products += g * ((V(x[indexOf(unit, e)]) - center) * scale);
  }
  let shift = totalOf(lane, sum) / params.samples;
  let slope = totalOf(lane, products) / params.samples;
  for (var e = unit.first; e < unit.end; e += LANES) {
    let i = indexOf(unit, e);
    let normal = (V(x[i]) - center) * scale;
    out[i] = Stored(scale * (gradientAt(unit, e) - shift - normal * slope));
  }
}
