// Tiles of an image, 4 pixels apart, to 36 matrices [tiles, channels]: inputs by B' d B, or if
// GRADIENT the outputs' gradient by A dy A'. The image is stored as Pixel, the matrices in float32.
struct Params {
  /// Width and height of the image.
  size: vec2u,
  /// Tiles across and down.
  tiles: vec2u,
  pad: vec2i,
  channels: u32,
  /// Tiles of all images.
  count: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> image: array<Pixel>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

struct Tile {
  number: u32,
  channel: u32,
  /// First pixel of the image, and the tile's corner (x, y) in it.
  image: u32,
  corner: vec2i,
}

fn transform(values: Six) -> Six {
  if (GRADIENT) {
    return transformOutputAdjoint(Four(values[0], values[1], values[2], values[3]));
  }
  return transformInput(values);
}

fn pixel(p: Params, tile: Tile, x: i32, y: i32) -> f32 {
  let at = vec2u(tile.corner + vec2i(x, y));
  let inside = all(at < p.size); // negative wraps to large
  let number = tile.image + select(0u, at.y * p.size.x + at.x, inside);
  return select(0.0, f32(image[number * p.channels + tile.channel]), inside);
}

fn column(p: Params, tile: Tile, x: i32) -> Six {
  let y0 = pixel(p, tile, x, 0);
  let y1 = pixel(p, tile, x, 1);
  let y2 = pixel(p, tile, x, 2);
  let y3 = pixel(p, tile, x, 3);
  if (GRADIENT) {
    return transformOutputAdjoint(Four(y0, y1, y2, y3));
  }
  return transformInput(Six(y0, y1, y2, y3, pixel(p, tile, x, 4), pixel(p, tile, x, 5)));
}

fn storeRow(p: Params, tile: Tile, row: u32, values: Six) {
  let matrix = p.count * p.channels;
  let at = row * 6u * matrix + tile.number * p.channels + tile.channel;
  out[at] = values[0];
  out[at + matrix] = values[1];
  out[at + 2u * matrix] = values[2];
  out[at + 3u * matrix] = values[3];
  out[at + 4u * matrix] = values[4];
  out[at + 5u * matrix] = values[5];
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
  let tile = Tile(number, index % p.channels, first, vec2i(at * 4u) - p.pad);
  let c0 = column(p, tile, 0);
  let c1 = column(p, tile, 1);
  let c2 = column(p, tile, 2);
  let c3 = column(p, tile, 3);
  let c4 = column(p, tile, 4);
  let c5 = column(p, tile, 5);
  storeRow(p, tile, 0u, transform(Six(c0[0], c1[0], c2[0], c3[0], c4[0], c5[0])));
  storeRow(p, tile, 1u, transform(Six(c0[1], c1[1], c2[1], c3[1], c4[1], c5[1])));
  storeRow(p, tile, 2u, transform(Six(c0[2], c1[2], c2[2], c3[2], c4[2], c5[2])));
  storeRow(p, tile, 3u, transform(Six(c0[3], c1[3], c2[3], c3[3], c4[3], c5[3])));
  storeRow(p, tile, 4u, transform(Six(c0[4], c1[4], c2[4], c3[4], c4[4], c5[4])));
  storeRow(p, tile, 5u, transform(Six(c0[5], c1[5], c2[5], c3[5], c4[5], c5[5])));
}
