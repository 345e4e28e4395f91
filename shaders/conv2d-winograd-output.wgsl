// 36 matrices [tiles, channels] to tiles of 4x4 pixels, A' m A, stored as Pixel. Constants: V (f32),
// U, B; BIAS, RESIDUAL and RELU, what is done to the pixels before.
struct Params {
  /// Width and height of the image.
  size: vec2u,
  /// Tiles across and down.
  tiles: vec2u,
  channels: u32,
  /// Tiles of all images.
  count: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> products: array<f32>;
@group(0) @binding(2) var<storage, read_write> image: array<Pixel>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> residual: array<Pixel>;

struct Tile {
  number: u32,
  channel: u32,
  image: u32,
  corner: vec2u,
  bias: f32,
}

fn column(p: Params, tile: Tile, x: u32) -> Four {
  let matrix = p.count * p.channels;
  let at = x * matrix + tile.number * p.channels + tile.channel;
  return transformOutput(Six(
    products[at],
    products[at + 6u * matrix],
    products[at + 12u * matrix],
    products[at + 18u * matrix],
    products[at + 24u * matrix],
    products[at + 30u * matrix],
  ));
}

fn storePixel(p: Params, tile: Tile, x: u32, y: u32, value: f32) {
  let at = tile.corner + vec2u(x, y);
  if (all(at < p.size)) {
    let index = (tile.image + at.y * p.size.x + at.x) * p.channels + tile.channel;
    var result = value + tile.bias;
    if (RESIDUAL) {
      result += f32(residual[index]);
    }
    if (RELU) {
      result = reluOf(result);
    }
    image[index] = Pixel(result);
  }
}

fn storeRow(p: Params, tile: Tile, y: u32, values: Four) {
  storePixel(p, tile, 0u, y, values[0]);
  storePixel(p, tile, 1u, y, values[1]);
  storePixel(p, tile, 2u, y, values[2]);
  storePixel(p, tile, 3u, y, values[3]);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let p = params;
  let index = groupIndex(id, counts) * 64u + lane;
  let number = index / p.channels;
  if (number >= p.count) {
    return;
  }
  let row = number / p.tiles.x;
  let at = vec2u(number % p.tiles.x, row % p.tiles.y);
  let first = row / p.tiles.y * p.size.x * p.size.y;
  let channel = index % p.channels;
  var added = 0.0;
  if (BIAS) {
    added = bias[channel];
  }
  let tile = Tile(number, channel, first, at * 4u, added);
  let c0 = column(p, tile, 0u);
  let c1 = column(p, tile, 1u);
  let c2 = column(p, tile, 2u);
  let c3 = column(p, tile, 3u);
  let c4 = column(p, tile, 4u);
  let c5 = column(p, tile, 5u);
  storeRow(p, tile, 0u, transformOutput(Six(c0[0], c1[0], c2[0], c3[0], c4[0], c5[0])));
  storeRow(p, tile, 1u, transformOutput(Six(c0[1], c1[1], c2[1], c3[1], c4[1], c5[1])));
  storeRow(p, tile, 2u, transformOutput(Six(c0[2], c1[2], c2[2], c3[2], c4[2], c5[2])));
  storeRow(p, tile, 3u, transformOutput(Six(c0[3], c1[3], c2[3], c3[3], c4[3], c5[3])));
}
