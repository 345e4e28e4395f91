/// One block of four words an invocation. Constant: NORMAL (else uniform).
struct Params {
  length: u32,
  low: f32,
  high: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> state: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4f>;

/// Box-Muller: sqrt(-2 ln u1) * (cos, sin)(2 pi u2).
fn gaussians(first: u32, second: u32) -> vec2f {
  let u1 = f32((first >> 8u) + 1u) * 0x1p-24;
  let u2 = f32(second >> 8u) * 0x1p-24;
  let radius = sqrt(-2.0 * logOf(u1));
  let angle = 6.283185307179586 * u2;
  return radius * vec2f(cosOf(angle), sinOf(angle));
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let block = groupIndex(id, counts) * 64 + lane;
  if (block * 4 >= params.length) {
    return;
  }
  let words = philox(vec4u(block, state[2], state[3], 0u), vec2u(state[0], state[1]));
  var sample: vec4f;
  if (NORMAL) {
    sample = vec4f(gaussians(words.x, words.y), gaussians(words.z, words.w));
    sample = params.low + params.high * sample;
  } else {
    sample = vec4f(words >> vec4u(8)) * 0x1p-24;
    sample = params.low + (params.high - params.low) * sample;
  }
  let count = params.length - block * 4;
  if (count >= 4) {
    out[block] = sample;
  } else {
    for (var k = 0u; k < count; k++) {
      out[block][k] = sample[k];
    }
  }
}
