import { type ImageShape, imageBytes } from "../data/image-set.js";
import type { PictureFile } from "../data/picture-field.js";
import { Philox } from "../tensor/random.js";

/** Every byte uniform in 0 .. 255, independent of its neighbours. */
export function noisePicture(shape: ImageShape, seed: number): Uint8Array {
  const random = new Philox(seed, 0, "noise-picture");
  return Uint8Array.from({ length: imageBytes(shape) }, () => random.uint32() >>> 24);
}

/** Nodes of the smooth picture's lattice along each axis. */
const NODES = 5;

/**
 * Clouds of colour: values drawn on a coarse lattice, joined smoothly (value noise), so the picture
 * has the low frequencies of a photograph.
 */
export function smoothPicture(shape: ImageShape, seed: number): Uint8Array {
  const { height, width, channels } = shape;
  const random = new Philox(seed, 0, "smooth-picture");
  const lattice = Float64Array.from({ length: NODES * NODES * channels }, () => random.uniform());
  const out = new Uint8Array(imageBytes(shape));
  const across = Array.from({ length: width }, (_, j) => latticeCell(j, width));
  for (let i = 0; i < height; i++) {
    const y = latticeCell(i, height);
    for (let j = 0; j < width; j++) {
      const x = across[j] ?? y;
      for (let c = 0; c < channels; c++) {
        const node = (row: number, column: number) =>
          lattice[(row * NODES + column) * channels + c] ?? 0;
        const upper = mix(node(y.cell, x.cell), node(y.cell, x.cell + 1), x.part);
        const lower = mix(node(y.cell + 1, x.cell), node(y.cell + 1, x.cell + 1), x.part);
        out[(i * width + j) * channels + c] = Math.floor(mix(upper, lower, y.part) * 256);
      }
    }
  }
  return out;
}

/** A picture drawn from a seed, or one of a file, resized to the images. */
export async function pictureOf(
  chosen: "noise" | "smooth" | PictureFile,
  shape: ImageShape,
  seed: number,
): Promise<Uint8Array> {
  if (chosen === "noise") return noisePicture(shape, seed);
  if (chosen === "smooth") return smoothPicture(shape, seed);
  const { loadPicture } = await import("../data/picture.js");
  return loadPicture(chosen, shape);
}

/** The lattice cell of pixel `i` of `extent`, and how far in it lies: 3t^2 - 2t^3, flat at nodes. */
function latticeCell(i: number, extent: number): { cell: number; part: number } {
  const position = ((i + 0.5) / extent) * (NODES - 1);
  const cell = Math.floor(position);
  const t = position - cell;
  return { cell, part: t * t * (3 - 2 * t) };
}

function mix(a: number, b: number, t: number): number {
  return a + (b - a) * t;
}
