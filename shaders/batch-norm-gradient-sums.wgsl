/// Over a block of rows: parts[block, 0, c] := sum g, parts[block, 1, c] := sum g * (x - mean), with
/// g = relu && y <= 0 ? 0 : dy. STORE also writes g, the residual's gradient.
/// Constants: V, U, B, Stored (V, or its half), RELU, STORE.
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
@group(0) @binding(2) var<storage, read> y: array<Stored>;
@group(0) @binding(3) var<storage, read> dy: array<Stored>;
@group(0) @binding(4) var<storage, read> mean: array<V>;
@group(0) @binding(5) var<storage, read_write> parts: array<V>;
@group(0) @binding(6) var<storage, read_write> masked: array<Stored>;

var<workgroup> sums: array<V, 64>;
var<workgroup> products: array<V, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = spanOf(groupIndex(id, counts), lane);
  var sum = V(0);
  var product = V(0);
  if (span.busy) {
    let center = mean[span.column];
    for (var row = span.first; row < span.end; row += params.down) {
      let i = row * params.columns + span.column;
      var g = V(dy[i]);
      if (RELU) {
        g = select(g, V(0), isLessOrEqual(V(y[i]), V(0)));
      }
      if (STORE) {
        masked[i] = Stored(g);
      }
      sum += g;
      product += g * (V(x[i]) - center);
    }
  }
  sums[lane] = sum;
  products[lane] = product;
  workgroupBarrier();
  if (span.leader) {
    for (var other = params.across; other < params.across * params.down; other += params.across) {
      sum += sums[lane + other];
      product += products[lane + other];
    }
    let at = span.block * 2 * params.columns + span.column;
    parts[at] = sum;
    parts[at + params.columns] = product;
  }
}
