import type { Device } from "../device/device.js";
import { ShapeError } from "../device/errors.js";
import { checkOptions, type OptionTable, shown } from "../device/options.js";
import { tensor } from "../tensor/create.js";
import type { Tensor } from "../tensor/tensor.js";
import { alongAxis } from "./along-axis.js";
import { checkInputs, checkInteger, checkRank, type Pair, pair } from "./arguments.js";
import { cast } from "./cast.js";
import { repeat } from "./repeat.js";

export interface Upsample2dOptions {
  /** Rows and columns of the result. Give this or `scale`. */
  size?: Pair;
  /** What sizes are multiplied by; the result's are rounded down. */
  scale?: Pair;
  /** Default "nearest". */
  mode?: "nearest" | "bilinear" | "bicubic";
  /**
   * Corner pixels' centers lie on each other (true), or the images' corners do (false). Default false;
   * "nearest" has no choice.
   */
  alignCorners?: boolean;
}

const upsampleOptions: OptionTable<Upsample2dOptions> = {
  size: "checked",
  scale: "checked",
  mode: ["nearest", "bilinear", "bicubic"],
  alignCorners: "boolean",
};

/**
 * x [n, h, w, c] at another size, as PyTorch's interpolate without antialiasing: rows, then columns,
 * are weighed by a matrix. Bicubic is Keys' cubic convolution with a = -0.75.
 */
export function upsample2d(x: Tensor, options: Upsample2dOptions): Tensor {
  const op = "upsample2d";
  checkOptions(op, options, upsampleOptions);
  checkInputs(op, [x], "float");
  checkRank(op, "x", x, 4, "[n, h, w, c]");
  const { size, scale, mode = "nearest", alignCorners = false } = options;
  if ((size === undefined) === (scale === undefined)) {
    throw new ShapeError(`${op}: give either size or scale, not ${shown({ size, scale })}`);
  }
  if (mode === "nearest" && alignCorners) {
    throw new ShapeError(`${op}: alignCorners needs mode "bilinear" or "bicubic"`);
  }
  const own = [x.shape[1] ?? 0, x.shape[2] ?? 0] as const;
  const factors = scale === undefined ? undefined : pair(op, "scale", scale);
  const sizes: readonly number[] = factors
    ? own.map((n, i) => Math.floor(n * (factors[i] ?? 1)))
    : pair(op, "size", size ?? 1);
  for (const s of sizes) checkInteger(op, factors ? "the scaled size" : "size", s, 1);
  for (const s of own) checkInteger(op, "x's size", s, 1);
  const result = sizes.reduce<Tensor>((y, to, i) => {
    const from = own[i] ?? 1;
    if (to === from) return y;
    const axis = i === 0 ? 1 : 2;
    if (mode === "nearest" && to % from === 0) return repeat(y, to / from, axis);
    const ratio = alignCorners ? (from - 1) / Math.max(1, to - 1) : 1 / (factors?.[i] ?? to / from);
    return alongAxis(y, weightsOf(mode, from, to, ratio, alignCorners), to, axis);
  }, x);
  return cast(result, x.dtype);
}

/** [to, from]: how much each element has of each result. */
function weightsOf(
  mode: "nearest" | "bilinear" | "bicubic",
  from: number,
  to: number,
  ratio: number,
  alignCorners: boolean,
): Float32Array {
  const weights = new Float32Array(to * from);
  const put = (i: number, j: number, weight: number): void => {
    const at = i * from + Math.min(Math.max(j, 0), from - 1);
    weights[at] = (weights[at] ?? 0) + weight;
  };
  for (let i = 0; i < to; i++) {
    if (mode === "nearest") {
      // PyTorch rounds the ratio and the product to float32, which decides on the boundaries.
      put(i, Math.floor(Math.fround(i * Math.fround(ratio))), 1);
      continue;
    }
    const center = alignCorners ? i * ratio : (i + 0.5) * ratio - 0.5;
    const place = mode === "bilinear" ? Math.max(center, 0) : center;
    const first = Math.floor(place);
    const rest = place - first;
    if (mode === "bilinear") {
      put(i, first, 1 - rest);
      put(i, first + 1, rest);
    } else {
      for (let tap = -1; tap <= 2; tap++) put(i, first + tap, cubic(Math.abs(tap - rest)));
    }
  }
  return weights;
}

/** Keys' kernel with a = -0.75. */
function cubic(t: number): number {
  if (t <= 1) return (1.25 * t - 2.25) * t * t + 1;
  return ((-0.75 * t + 3.75) * t - 6) * t + 3;
}

/**
 * The matrix of the orthonormal DCT-II of `size` numbers: row k is
 * sqrt((k ? 2 : 1) / size) cos(pi (2 j + 1) k / (2 size)). Its inverse is its transpose.
 */
export const dctMatrix = (device: Device, size: number): Tensor =>
  tensor(device, dctWeights(size, false), [size, size]);

function dctWeights(size: number, inverse: boolean): Float32Array {
  const weights = new Float32Array(size * size);
  for (let k = 0; k < size; k++) {
    for (let j = 0; j < size; j++) {
      // The angle modulo a whole turn: exact integers keep it small.
      const turns = ((2 * j + 1) * k) % (4 * size);
      const value = Math.sqrt((k === 0 ? 1 : 2) / size) * Math.cos((Math.PI * turns) / (2 * size));
      weights[inverse ? j * size + k : k * size + j] = value;
    }
  }
  return weights;
}

/** Orthonormal two-dimensional DCT-II of images x [n, h, w, c], in f32. */
export const dct2d = (x: Tensor): Tensor => transformed("dct2d", x, false);

/** The inverse of dct2d (DCT-III). */
export const idct2d = (x: Tensor): Tensor => transformed("idct2d", x, true);

function transformed(op: string, x: Tensor, inverse: boolean): Tensor {
  checkInputs(op, [x], "float");
  checkRank(op, "x", x, 4, "[n, h, w, c]");
  const [, h = 0, w = 0] = x.shape;
  const rows = alongAxis(x, dctWeights(h, inverse), h, 1);
  return alongAxis(rows, dctWeights(w, inverse), w, 2);
}
