/// x [outer, rows, inner] -> out [outer, blocks, inner]: each block of rows to one row.
/// A column is one (outer, inner) pair. Constants: V, U, B,
/// Stored (of x), MAX or MIN (else sum).
struct Params {
  rows: u32,
  columns: u32,
  across: u32,
  down: u32,
  rowsPerGroup: u32,
  tiles: u32,
  inner: u32,
  blocks: u32,
  start: f32, // 0 for sums, -infinity for maxima, infinity for minima
  scale: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read_write> out: array<V>;

var<workgroup> parts: array<V, 64>;

fn merge(a: V, b: V) -> V {
  if (MAX) {
    return maxOf(a, b);
  }
  if (MIN) {
    return minOf(a, b);
  }
  return a + b;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = spanOf(groupIndex(id, counts), lane);
  let outer = span.column / params.inner;
  let inner = span.column % params.inner;
  var total = V(params.start);
  if (span.busy) {
    let base = outer * params.rows * params.inner + inner;
    for (var row = span.first; row < span.end; row += params.down) {
      total = merge(total, V(x[base + row * params.inner]));
    }
  }
  parts[lane] = total;
  workgroupBarrier();
  if (span.leader) {
    for (var other = params.across; other < params.across * params.down; other += params.across) {
      total = merge(total, parts[lane + other]);
    }
    out[(outer * params.blocks + span.block) * params.inner + inner] = total * params.scale;
  }
}
