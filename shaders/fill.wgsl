/// Constants: V, Stored.
struct Params {
  length: u32, // in V
  perGroup: u32,
  value: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> dst: array<Stored>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let begin = groupIndex(id, counts) * params.perGroup;
  for (var i = begin + lane; i < min(begin + params.perGroup, params.length); i += 64) {
    dst[i] = Stored(V(params.value));
  }
}
