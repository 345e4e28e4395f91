/// Where no sum is wanted, neither as a result nor for dx, because the statistics are constants:
/// dx := gamma * invStd * g and masked := g, with g = relu && y <= 0 ? 0 : dy.
/// Constants: V, U, B, Stored (V, or its half), RELU, DX and STORE (which of the two is written).
struct Params {
  rows: u32,
  columns: u32,
  across: u32,
  down: u32,
  rowsPerGroup: u32,
  tiles: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> y: array<Stored>;
@group(0) @binding(2) var<storage, read> dy: array<Stored>;
@group(0) @binding(3) var<storage, read> gamma: array<V>;
@group(0) @binding(4) var<storage, read> invStd: array<V>;
@group(0) @binding(5) var<storage, read_write> dx: array<Stored>;
@group(0) @binding(6) var<storage, read_write> masked: array<Stored>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = spanOf(groupIndex(id, counts), lane);
  if (!span.busy) {
    return;
  }
  let scale = gamma[span.column] * invStd[span.column];
  for (var row = span.first; row < span.end; row += params.down) {
    let i = row * params.columns + span.column;
    var g = V(dy[i]);
    if (RELU) {
      g = select(g, V(0), isLessOrEqual(V(y[i]), V(0)));
    }
    if (STORE) {
      masked[i] = Stored(g);
    }
    if (DX) {
      dx[i] = Stored(scale * g);
    }
  }
}
