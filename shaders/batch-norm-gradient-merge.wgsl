/// Adds the blocks' sums up: dbeta, dgamma, and the coefficients of
/// dx = scale * (g - shift - (x - mean) * slope), in coefficients [4, channels] as
/// scale = gamma * invStd, shift = dbeta / samples, slope = invStd * dgamma / samples, mean.
/// Constant: TRAINING; without it the statistics are constants and shift = slope = 0.
struct Params {
  rows: u32,
  columns: u32,
  across: u32,
  down: u32,
  rowsPerGroup: u32,
  tiles: u32,
  samples: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> parts: array<f32>;
@group(0) @binding(2) var<storage, read> gamma: array<f32>;
@group(0) @binding(3) var<storage, read> mean: array<f32>;
@group(0) @binding(4) var<storage, read> invStd: array<f32>;
@group(0) @binding(5) var<storage, read_write> dgamma: array<f32>;
@group(0) @binding(6) var<storage, read_write> dbeta: array<f32>;
@group(0) @binding(7) var<storage, read_write> coefficients: array<f32>;

var<workgroup> slots: array<vec2f, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = spanOf(groupIndex(id, counts), lane);
  let channels = params.columns;
  var total = vec2f();
  if (span.busy) {
    for (var block = span.first; block < span.end; block += params.down) {
      let at = block * 2 * channels + span.column;
      total += vec2f(parts[at], parts[at + channels]);
    }
  }
  slots[lane] = total;
  workgroupBarrier();
  if (span.leader) {
    for (var other = params.across; other < params.across * params.down; other += params.across) {
      total += slots[lane + other];
    }
    let c = span.column;
    let slopeOfGamma = total.y * invStd[c];
    dbeta[c] = total.x;
    dgamma[c] = slopeOfGamma;
    let share = select(0.0, 1.0 / f32(params.samples), TRAINING);
    coefficients[c] = gamma[c] * invStd[c];
    coefficients[channels + c] = total.x * share;
    coefficients[2 * channels + c] = slopeOfGamma * invStd[c] * share;
    coefficients[3 * channels + c] = mean[c];
  }
}
