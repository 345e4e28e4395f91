/// out := relu?((x - mean) * spread * gamma + beta + residual?), where spread is given as 1 / std or
/// (VARIANCE) as the variance. Constants: V, U, B, Stored (V, or its half), VARIANCE, RESIDUAL, RELU.
struct Params {
  rows: u32,
  columns: u32,
  across: u32,
  down: u32,
  rowsPerGroup: u32,
  tiles: u32,
  eps: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read> residual: array<Stored>;
@group(0) @binding(3) var<storage, read> mean: array<V>;
@group(0) @binding(4) var<storage, read> deviation: array<V>;
@group(0) @binding(5) var<storage, read> gamma: array<V>;
@group(0) @binding(6) var<storage, read> beta: array<V>;
@group(0) @binding(7) var<storage, read_write> out: array<Stored>;

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
  let c = span.column;
  let center = mean[c];
  var scale = deviation[c];
  if (VARIANCE) {
    scale = 1.0 / sqrt(scale + params.eps);
  }
  scale *= gamma[c];
  let shift = beta[c];
  for (var row = span.first; row < span.end; row += params.down) {
    let i = row * params.columns + c;
    var y = (V(x[i]) - center) * scale + shift;
    if (RESIDUAL) {
      y += V(residual[i]);
    }
    if (RELU) {
      y = reluOf(y);
    }
    out[i] = Stored(y);
  }
}
