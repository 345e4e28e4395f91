/// Over a block of the rows of x [outer * positions, groups * width], for each column:
/// gammas[block] := sum dy * xhat and betas[block] := sum dy, with xhat = (x - mean) * invStd.
/// Constants: V, Stored (V, or its half), GAMMA, BETA (which of the two is wanted).
struct Params {
  rows: u32,
  columns: u32,
  across: u32,
  down: u32,
  rowsPerGroup: u32,
  tiles: u32,
  positions: u32,
  groups: u32,
  width: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read> dy: array<Stored>;
@group(0) @binding(3) var<storage, read> mean: array<f32>;
@group(0) @binding(4) var<storage, read> invStd: array<f32>;
@group(0) @binding(5) var<storage, read_write> gammas: array<V>;
@group(0) @binding(6) var<storage, read_write> betas: array<V>;

var<workgroup> products: array<V, 64>;
var<workgroup> sums: array<V, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = spanOf(groupIndex(id, counts), lane);
  var product = V(0);
  var sum = V(0);
  if (span.busy) {
    let group = span.column / params.width;
    for (var row = span.first; row < span.end; row += params.down) {
      let i = row * params.columns + span.column;
      let g = V(dy[i]);
      sum += g;
      if (GAMMA) {
        let unit = row / params.positions * params.groups + group;
        product += g * ((V(x[i]) - mean[unit]) * invStd[unit]);
      }
    }
  }
  products[lane] = product;
  sums[lane] = sum;
  workgroupBarrier();
  if (span.leader) {
    for (var other = params.across; other < params.across * params.down; other += params.across) {
      product += products[lane + other];
      sum += sums[lane + other];
    }
    let to = span.block * params.columns + span.column;
    if (GAMMA) {
      gammas[to] = product;
    }
    if (BETA) {
      betas[to] = sum;
    }
  }
}
