/// PyTorch's Adam, and AdamW when decoupled. Constants: V; SKIPS: not if skip[2] is not 0.
struct Params {
  length: u32, // in V
  perGroup: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> grads: array<V>;
@group(0) @binding(2) var<storage, read> hyper: array<f32>;
/// Steps, 1 - beta1^steps, 1 - beta2^steps: see adam-count.wgsl.
@group(0) @binding(3) var<storage, read> count: array<f32>;
@group(0) @binding(4) var<storage, read_write> weights: array<V>;
@group(0) @binding(5) var<storage, read_write> first: array<V>;
@group(0) @binding(6) var<storage, read_write> second: array<V>;
@group(0) @binding(7) var<storage, read> skip: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  if (SKIPS && skip[2] != 0.0) {
    return;
  }
  let lr = hyper[0];
  let beta1 = hyper[1];
  let beta2 = hyper[2];
  let eps = hyper[3];
  let weightDecay = hyper[4];
  let decoupled = hyper[5] != 0.0;
  let rest1 = hyper[6];
  let rest2 = hyper[7];
  let stepSize = lr / count[1];
  let rootCorrection = sqrt(count[2]);
  let begin = groupIndex(id, counts) * params.perGroup;
  for (var i = begin + lane; i < min(begin + params.perGroup, params.length); i += 64) {
    var weight = weights[i];
    var grad = grads[i];
    if (decoupled) {
      weight -= lr * weightDecay * weight;
    } else {
      grad += weightDecay * weight;
    }
    let m = beta1 * first[i] + rest1 * grad;
    let v = beta2 * second[i] + rest2 * grad * grad;
    first[i] = m;
    second[i] = v;
    weights[i] = weight - stepSize * m / (sqrt(v) / rootCorrection + eps);
  }
}
