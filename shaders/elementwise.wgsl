/// The frame of every elementwise kernel. In front of it stand V (vec4f, or f32 where an operand
/// needs single elements), Result (V, or its half), Params, the operands' bindings and `value(i)`, generated from the table.

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let begin = groupIndex(id, counts) * params.perGroup;
  for (var i = begin + lane; i < min(begin + params.perGroup, params.length); i += 64) {
    result[i] = Result(value(i));
  }
}
