import { type ImageShape, imageBytes } from "../data/image-set.js";

/** PyTorch's cubic convolution kernel, a = -3/4 (Keys 1981). */
function cubicWeights(t: number): [number, number, number, number] {
  const a = -0.75;
  const near = (x: number): number => ((a + 2) * x - (a + 3)) * x * x + 1;
  const far = (x: number): number => ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return [far(t + 1), near(t), near(1 - t), far(2 - t)];
}

/** Where pixel i of `extent` lies among `nodes` nodes whose ends are its ends, and the weights there. */
function nodesAt(i: number, extent: number, nodes: number) {
  const position = extent > 1 ? (i * (nodes - 1)) / (extent - 1) : 0;
  const first = Math.floor(position);
  const held = (n: number): number => Math.min(Math.max(n, 0), nodes - 1);
  return {
    at: [-1, 0, 1, 2].map((d) => held(first + d)),
    weights: cubicWeights(position - first),
  };
}

/**
 * Bicubic upsampling with the corners aligned, as PyTorch's `interpolate`: a field on nodes
 * [nodes, nodes, parts] to [height, width, parts].
 */
export function upsampleBicubic(
  field: Float64Array,
  nodes: number,
  height: number,
  width: number,
  parts: number,
): Float64Array {
  const out = new Float64Array(height * width * parts);
  const across = Array.from({ length: width }, (_, j) => nodesAt(j, width, nodes));
  for (let i = 0; i < height; i++) {
    const rows = nodesAt(i, height, nodes);
    across.forEach((columns, j) => {
      for (let part = 0; part < parts; part++) {
        let sum = 0;
        rows.at.forEach((row, a) => {
          columns.at.forEach((column, b) => {
            const weight = (rows.weights[a] ?? 0) * (columns.weights[b] ?? 0);
            sum += weight * (field[(row * nodes + column) * parts + part] ?? 0);
          });
        });
        out[(i * width + j) * parts + part] = sum;
      }
    });
  }
  return out;
}

/**
 * Bilinear sampling of an image at places [height, width, 2] given as (x, y) in -1 .. 1, the centres
 * of the outermost pixels, as PyTorch's `grid_sample` with aligned corners; places beyond are held at
 * the edge. Rounded to the nearest whole number.
 */
export function sampleAt(image: Uint8Array, shape: ImageShape, places: Float64Array): Uint8Array {
  const { height, width, channels } = shape;
  const out = new Uint8Array(imageBytes(shape));
  const split = (place: number, extent: number) => {
    const position = ((Math.min(Math.max(place, -1), 1) + 1) / 2) * (extent - 1);
    const low = Math.floor(position);
    return { low, high: Math.min(low + 1, extent - 1), part: position - low };
  };
  for (let pixel = 0; pixel < height * width; pixel++) {
    const x = split(places[2 * pixel] ?? 0, width);
    const y = split(places[2 * pixel + 1] ?? 0, height);
    for (let c = 0; c < channels; c++) {
      const value = (row: number, column: number): number =>
        image[(row * width + column) * channels + c] ?? 0;
      const upper = (1 - x.part) * value(y.low, x.low) + x.part * value(y.low, x.high);
      const lower = (1 - x.part) * value(y.high, x.low) + x.part * value(y.high, x.high);
      out[pixel * channels + c] = Math.round((1 - y.part) * upper + y.part * lower);
    }
  }
  return out;
}
