/// Merges the blocks' moments (Chan, Golub, LeVeque 1979), writes mean and 1 / sqrt(variance + eps)
/// and moves the running statistics. The rows here are the blocks.
struct Params {
  rows: u32,
  columns: u32,
  across: u32,
  down: u32,
  rowsPerGroup: u32,
  tiles: u32,
  samples: u32,
  samplesPerBlock: u32,
  momentum: f32,
  eps: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> parts: array<f32>;
@group(0) @binding(2) var<storage, read_write> mean: array<f32>;
@group(0) @binding(3) var<storage, read_write> invStd: array<f32>;
@group(0) @binding(4) var<storage, read_write> runningMean: array<f32>;
@group(0) @binding(5) var<storage, read_write> runningVar: array<f32>;

var<workgroup> slots: array<f32, 64>;

/// The sum over the lanes of a column, given to each of them; every lane of the group must call it.
fn columnSum(lane: u32, value: f32) -> f32 {
  slots[lane] = value;
  workgroupBarrier();
  var total = 0.0;
  for (var other = lane % params.across; other < params.across * params.down; other += params.across) {
    total += slots[other];
  }
  workgroupBarrier();
  return total;
}

fn samplesOf(block: u32) -> f32 {
  return f32(min(params.samplesPerBlock, params.samples - block * params.samplesPerBlock));
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let span = spanOf(groupIndex(id, counts), lane);
  let samples = f32(params.samples);
  var origin = 0.0;
  var sum = 0.0;
  if (span.busy) {
    origin = parts[span.column];
    for (var block = span.first; block < span.end; block += params.down) {
      sum += samplesOf(block) * (parts[block * 2 * params.columns + span.column] - origin);
    }
  }
  let average = origin + columnSum(lane, sum) / samples;
  var square = 0.0;
  if (span.busy) {
    for (var block = span.first; block < span.end; block += params.down) {
      let at = block * 2 * params.columns + span.column;
      let d = parts[at] - average;
      square += parts[at + params.columns] + samplesOf(block) * d * d;
    }
  }
  let total = columnSum(lane, square);
  if (span.leader) {
    let c = span.column;
    let keep = 1.0 - params.momentum;
    mean[c] = average;
    invStd[c] = 1.0 / sqrt(total / samples + params.eps);
    runningMean[c] = keep * runningMean[c] + params.momentum * average;
    runningVar[c] = keep * runningVar[c] + params.momentum * (total / max(samples - 1.0, 1.0));
  }
}
