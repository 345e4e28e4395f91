/// out[outer, inner] := the row of the largest x[outer, row, inner], NaN above all, the lowest on a
/// tie. One block holds all rows of a column. Constants: V (f32), U, B; Stored.
struct Params {
  rows: u32,
  columns: u32,
  across: u32,
  down: u32,
  rowsPerGroup: u32,
  tiles: u32,
  inner: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;

var<workgroup> values: array<f32, 64>;
var<workgroup> places: array<u32, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = spanOf(groupIndex(id, counts), lane);
  let base = span.column / params.inner * params.rows * params.inner + span.column % params.inner;
  var value = 0.0;
  var place = params.rows; // a lane without rows
  if (span.busy && span.first < span.end) {
    value = f32(x[base + span.first * params.inner]);
    place = span.first;
    for (var row = span.first + params.down; row < span.end; row += params.down) {
      let rival = f32(x[base + row * params.inner]);
      if (isAbove(rival, value)) {
        value = rival;
        place = row;
      }
    }
  }
  values[lane] = value;
  places[lane] = place;
  workgroupBarrier();
  if (span.leader) {
    for (var other = params.across; other < params.across * params.down; other += params.across) {
      let rival = values[lane + other];
      let rivalPlace = places[lane + other];
      let tie = !isAbove(value, rival) && rivalPlace < place;
      if (rivalPlace < params.rows && (isAbove(rival, value) || tie)) {
        value = rival;
        place = rivalPlace;
      }
    }
    out[span.column] = place;
  }
}
