/// Mean and centred sum of squares of each channel over a block of rows:
/// parts[block, 0, c] and parts[block, 1, c]. Sums are taken around the block's first row, which
/// keeps the squares small where the mean is large. Constants: V, U, B, Stored.
struct Params {
  rows: u32,
  columns: u32,
  across: u32,
  down: u32,
  rowsPerGroup: u32,
  tiles: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read_write> parts: array<V>;

var<workgroup> sums: array<V, 64>;
var<workgroup> squares: array<V, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = spanOf(groupIndex(id, counts), lane);
  var origin = V(0);
  var sum = V(0);
  var square = V(0);
  if (span.busy) {
    origin = V(x[span.begin * params.columns + span.column]);
    for (var row = span.first; row < span.end; row += params.down) {
      let d = V(x[row * params.columns + span.column]) - origin;
      sum += d;
      square += d * d;
    }
  }
  sums[lane] = sum;
  squares[lane] = square;
  workgroupBarrier();
  if (span.leader) {
    for (var other = params.across; other < params.across * params.down; other += params.across) {
      sum += sums[lane + other];
      square += squares[lane + other];
    }
    let n = f32(span.end - span.begin);
    let at = span.block * 2 * params.columns + span.column;
    parts[at] = origin + sum / n;
    parts[at + params.columns] = reluOf(square - sum * sum / n);
  }
}
