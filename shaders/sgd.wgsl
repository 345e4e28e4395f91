/// PyTorch's SGD: d = grad + weightDecay * param; v = momentum * v + d;
/// param -= lr * (nesterov ? d + momentum * v : v). Constants: V; SKIPS: not if skip[2] is not 0.
struct Params {
  length: u32, // in V
  perGroup: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> grads: array<V>;
@group(0) @binding(2) var<storage, read> hyper: array<f32>;
@group(0) @binding(3) var<storage, read_write> weights: array<V>;
@group(0) @binding(4) var<storage, read_write> velocity: array<V>;
@group(0) @binding(5) var<storage, read> skip: array<f32>;

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
  let momentum = hyper[1];
  let weightDecay = hyper[2];
  let nesterov = hyper[3] != 0.0;
  let begin = groupIndex(id, counts) * params.perGroup;
  for (var i = begin + lane; i < min(begin + params.perGroup, params.length); i += 64) {
    let weight = weights[i];
    let d = grads[i] + weightDecay * weight;
    let v = momentum * velocity[i] + d;
    velocity[i] = v;
    weights[i] = weight - lr * select(v, d + momentum * v, nesterov);
  }
}
