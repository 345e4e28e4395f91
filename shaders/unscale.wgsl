/// Gradients divided by the loss scale; state[2] := 1 if one of them is infinite or NaN, which the
/// bits tell: arithmetic on them may be compiled as if there were none. Constants: V, U.
struct Params {
  length: u32, // in V
  perGroup: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> grads: array<V>;
/// Scale, good steps, found, skipped: floats, of which `found` is stored by many invocations.
@group(0) @binding(2) var<storage, read_write> state: array<atomic<u32>>;

const exponent = 0x7f800000u;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let inverse = 1.0 / bitcast<f32>(atomicLoad(&state[0]));
  var found = false;
  let begin = groupIndex(id, counts) * params.perGroup;
  for (var i = begin + lane; i < min(begin + params.perGroup, params.length); i += 64) {
    let grad = grads[i];
    found = found || any((bitcast<U>(grad) & U(exponent)) == U(exponent));
    grads[i] = grad * inverse;
  }
  if (found) {
    atomicStore(&state[2], bitcast<u32>(1.0));
  }
}
