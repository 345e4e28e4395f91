/// 8-bit images to normalised float with 4 channels; one pixel an invocation. Constants: CHANNELS, Pixel.
struct Params {
  pixels: u32,
  height: u32,
  width: u32,
  _unused: u32,
  mean: vec4f,
  deviation: vec4f,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> images: array<u32>;
@group(0) @binding(2) var<storage, read> moves: array<vec4i>;
@group(0) @binding(3) var<storage, read_write> out: array<Pixel>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let pixel = groupIndex(id, counts) * 64 + lane;
  if (pixel >= params.pixels) {
    return;
  }
  let size = vec2i(i32(params.height), i32(params.width));
  let image = pixel / (params.height * params.width);
  let y = i32(pixel / params.width % params.height);
  let x = i32(pixel % params.width);
  let shift = moves[image];
  let at = vec2i(y, select(x, size.y - 1 - x, shift.z == 1)) + shift.xy;
  var color = vec4f();
  if (all(at >= vec2i(0)) && all(at < size)) {
    let first = ((image * params.height + u32(at.x)) * params.width + u32(at.y)) * CHANNELS;
    for (var c = 0u; c < CHANNELS; c++) {
      let byte = first + c;
      color[c] = f32((images[byte / 4] >> (byte % 4 * 8)) & 0xff);
    }
  }
  let normal = (color / 255.0 - params.mean) / params.deviation;
  out[pixel] = Pixel(select(vec4f(), normal, vec4u(0, 1, 2, 3) < vec4u(CHANNELS)));
}
