/// Arithmetic on registers alone: eight chains of vec4 an invocation.
struct Params {
  length: u32,
  rounds: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> dst: array<f32>;

fn start(i: u32) -> vec4f {
  return vec4f(f32(i), f32(i + 1), f32(i + 2), f32(i + 3)) / f32(params.length);
}

fn put(i: u32, x: vec4f) {
  for (var k = 0u; k < 4; k++) {
    if (i + k < params.length) { dst[i + k] = x[k]; }
  }
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (groupIndex(id, counts) * 64 + lane) * 32;
  var x0 = start(first + 0);
  var x1 = start(first + 4);
  var x2 = start(first + 8);
  var x3 = start(first + 12);
  var x4 = start(first + 16);
  var x5 = start(first + 20);
  var x6 = start(first + 24);
  var x7 = start(first + 28);
  for (var r = 0u; r < params.rounds; r++) {
    x0 = fma(x0, vec4f(0.5), vec4f(1));
    x1 = fma(x1, vec4f(0.5), vec4f(1));
    x2 = fma(x2, vec4f(0.5), vec4f(1));
    x3 = fma(x3, vec4f(0.5), vec4f(1));
    x4 = fma(x4, vec4f(0.5), vec4f(1));
    x5 = fma(x5, vec4f(0.5), vec4f(1));
    x6 = fma(x6, vec4f(0.5), vec4f(1));
    x7 = fma(x7, vec4f(0.5), vec4f(1));
  }
  put(first + 0, x0);
  put(first + 4, x1);
  put(first + 8, x2);
  put(first + 12, x3);
  put(first + 16, x4);
  put(first + 20, x5);
  put(first + 24, x6);
  put(first + 28, x7);
}
