/// out[writeAt + i . strides] := x[readAt + i . strides], i counting through RANK sizes. Sums of
/// strides wrap around, so a negative one counts backwards. Constants: V, what is moved at a time,
/// RANK, and ADD: to what is there.
struct Params {
  length: u32, // in V, like all that follows
  perGroup: u32,
  readAt: u32,
  writeAt: u32,
  dims: array<vec4u, RANK>, // size, stride in x, stride in out
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read_write> out: array<V>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  // A copy outside of control flow: inside, some drivers gather what lies in a uniform buffer.
  var dims = params.dims;
  let begin = groupIndex(id, counts) * params.perGroup;
  for (var i = begin + lane; i < min(begin + params.perGroup, params.length); i += 64) {
    var rest = i;
    var readAt = params.readAt;
    var writeAt = params.writeAt;
    for (var d = RANK - 1; d > 0; d--) {
      let dim = dims[d];
      let at = rest % dim.x;
      rest /= dim.x;
      readAt += at * dim.y;
      writeAt += at * dim.z;
    }
    readAt += rest * dims[0].y;
    writeAt += rest * dims[0].z;
    if (ADD) {
      out[writeAt] += x[readAt];
    } else {
      out[writeAt] = x[readAt];
    }
  }
}
