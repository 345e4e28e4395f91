/// For each image its window's shift and whether it is flipped: (dy, dx, flipped, 0).
struct Params {
  images: u32,
  pad: u32,
  flip: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> state: array<u32>;
@group(0) @binding(2) var<storage, read_write> moves: array<vec4i>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let image = id.x;
  if (image >= params.images) {
    return;
  }
  let words = philox(vec4u(image, state[2], state[3], 1u), vec2u(state[0], state[1]));
  let range = 2 * params.pad + 1;
  let shift = vec2i(vec2u(mulhi(words.x, range), mulhi(words.y, range))) - i32(params.pad);
  moves[image] = vec4i(shift, i32(params.flip & (words.z >> 31u)), 0);
}
