/// LANES invocations a row (1, or all 64): loss = -sum_c t[c] * logSoftmax[c], and the softmax.
/// A NaN or infinity among the logits makes NaN of the row, as does a row of -infinity.
/// Constants: V (f32), I, U, B; LANES.
struct Params {
  rows: u32,
  classes: u32,
  on: f32,
  off: f32,
  nan: f32,
  lowest: f32, // -infinity
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;
@group(0) @binding(4) var<storage, read_write> probabilities: array<f32>;

var<workgroup> slots: array<vec2f, 64>;

fn rowMax(lane: u32, value: f32) -> f32 {
  if (LANES == 1) {
    return value;
  }
  slots[lane].x = value;
  workgroupBarrier();
  var largest = slots[0].x;
  for (var other = 1; other < 64; other++) {
    largest = maxOf(largest, slots[other].x);
  }
  workgroupBarrier();
  return largest;
}

fn rowSum(lane: u32, value: vec2f) -> vec2f {
  if (LANES == 1) {
    return value;
  }
  slots[lane] = value;
  workgroupBarrier();
  var total = slots[0];
  for (var other = 1; other < 64; other++) {
    total += slots[other];
  }
  workgroupBarrier();
  return total;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (groupIndex(id, counts) * 64 + lane) / LANES;
  let first = lane % LANES;
  let base = row * params.classes;
  // Rows beyond the last take part in the barriers with no classes.
  let classes = select(0, params.classes, row < params.rows);
  var largest = params.lowest;
  for (var c = first; c < classes; c += LANES) {
    largest = maxOf(largest, logits[base + c]);
  }
  largest = rowMax(lane, largest);
  var sums = vec2f(); // of e^z and of z, with z = logit - largest
  for (var c = first; c < classes; c += LANES) {
    let z = logits[base + c] - largest;
    sums += vec2f(expOf(z), z);
  }
  sums = rowSum(lane, sums);
  for (var c = first; c < classes; c += LANES) {
    probabilities[base + c] = expOf(logits[base + c] - largest) / sums.x;
  }
  if (first == 0 && row < params.rows) {
    let label = labels[row];
    let logSum = logOf(sums.x);
    var value = params.nan;
    if (label < classes) {
      let own = logits[base + label] - largest - logSum;
      value = -((params.on - params.off) * own);
      // The logarithm of a probability of 0 is infinite: it counts only where it has a weight.
      if (params.off != 0.0) {
        value -= params.off * (sums.y - f32(classes) * logSum);
      }
    }
    loss[row] = value;
  }
}
