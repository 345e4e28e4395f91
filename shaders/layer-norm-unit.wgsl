/// The elements that are normalised together: positions and width of one of the groups of x
/// [outer, positions, groups, width], by LANES invocations (1, or all 64).
/// Needs V, WIDTH, LANES, and in params: units, positions, groups, width.
struct Unit {
  unit: u32,
  group: u32,
  /// Of its first element.
  base: u32,
  /// This invocation's elements are first, first + LANES, ... below end.
  first: u32,
  end: u32,
}

fn unitOf(workgroup: u32, lane: u32) -> Unit {
  let unit = (workgroup * 64 + lane) / LANES;
  let group = unit % params.groups;
  let base = (unit / params.groups * params.positions * params.groups + group) * params.width;
  // Beyond the last unit there are no elements, only barriers to take part in.
  let end = select(0, params.positions * params.width, unit < params.units);
  return Unit(unit, group, base, lane % LANES, end);
}

fn indexOf(at: Unit, element: u32) -> u32 {
  let position = element / params.width;
  return at.base + element + position * (params.groups - 1) * params.width;
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
