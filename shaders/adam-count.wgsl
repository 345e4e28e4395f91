/// Counts a step of Adam, by one invocation. The bias corrections 1 - beta^t follow the moments' own
/// recurrence, c = beta c + (1 - beta): no power, and no difference of numbers nearly equal.
/// Constant: SKIPS: not if skip[2] is not 0.
@group(0) @binding(1) var<storage, read> hyper: array<f32>;
/// Steps, 1 - beta1^steps, 1 - beta2^steps.
@group(0) @binding(2) var<storage, read_write> count: array<f32>;
@group(0) @binding(3) var<storage, read> skip: array<f32>;

@compute @workgroup_size(1)
fn main() {
  if (SKIPS && skip[2] != 0.0) {
    return;
  }
  let beta1 = hyper[1];
  let beta2 = hyper[2];
  count[0] += 1.0;
  count[1] = beta1 * count[1] + (1.0 - beta1);
  count[2] = beta2 * count[2] + (1.0 - beta2);
}
