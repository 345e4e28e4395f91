import { ShapeError } from "../device/errors.js";
import { checkOptions, type OptionTable } from "../device/options.js";
import { arange } from "../tensor/create.js";
import { formatShape } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { checkInputs, checkRank } from "./arguments.js";
import { cast } from "./cast.js";
import {
  abs,
  add,
  affine,
  clamp,
  equal,
  floor,
  lessEqual,
  mul,
  sub,
  where,
} from "./elementwise.js";
import { gather } from "./gather.js";
import { stack } from "./join.js";
import { reshape } from "./layout.js";
import { sum } from "./reduce.js";
import { slice } from "./slice.js";

export interface GridSampleOptions {
  /** What lies outside of x: zeros, the edge, or x mirrored at its edges. Default "zeros". */
  padding?: "zeros" | "border" | "reflection";
  /** -1 and 1 are the centers of the corner pixels (true) or x's corners (false). Default false. */
  alignCorners?: boolean;
}

const gridSampleOptions: OptionTable<GridSampleOptions> = {
  padding: ["zeros", "border", "reflection"],
  alignCorners: "boolean",
};

/**
 * Bilinear samples of x [n, h, w, c] at the places grid [n, outH, outW, 2] = (x, y) in [-1, 1]:
 * [n, outH, outW, c], as PyTorch's grid_sample, with gradients to both. (On a pixel's center the
 * gradient to the grid is that of the side to the right and below.)
 */
export function gridSample(x: Tensor, grid: Tensor, options: GridSampleOptions = {}): Tensor {
  const op = "gridSample";
  checkOptions(op, options, gridSampleOptions);
  checkInputs(op, [x], "float");
  checkInputs(op, [grid, x.dtype === "f32" ? x : grid]);
  checkRank(op, "x", x, 4, "[n, h, w, c]");
  checkRank(op, "the grid", grid, 4, "[n, outH, outW, 2]");
  const { padding = "zeros", alignCorners = false } = options;
  const [n = 0, h = 0, w = 0, c = 0] = x.shape;
  const [images = 0, outH = 0, outW = 0, two] = grid.shape;
  if (images !== n || two !== 2 || h * w === 0) {
    throw new ShapeError(
      `${op}: x ${formatShape(x.shape)} needs pixels, and a grid [${n}, outH, outW, 2], not ` +
        formatShape(grid.shape),
    );
  }
  const along = (d: number, size: number): Taps => {
    const at = slice(grid, [null, null, null, d]);
    const place = alignCorners
      ? affine(at, (size - 1) / 2, (size - 1) / 2)
      : affine(at, size / 2, (size - 1) / 2);
    return taps(inside(place, size, padding, alignCorners), size);
  };
  const [across, down] = [along(0, w), along(1, h)];
  const image = arange(x.device, 0, n * h * w, h * w, "u32");
  const rows: Tensor[] = [];
  const weights: Tensor[] = [];
  for (const y of down) {
    for (const column of across) {
      rows.push(add(add(mul(y.index, w), column.index), reshape(image, [n, 1, 1])));
      weights.push(mul(y.weight, column.weight));
    }
  }
  const pixels = reshape(cast(x, "f32"), [n * h * w, c]);
  const picked = gather(pixels, reshape(stack(rows), [4 * n * outH * outW]));
  const corners = reshape(picked, [4, n, outH, outW, c]);
  const total = sum(mul(corners, reshape(stack(weights), [4, n, outH, outW, 1])), [0]);
  return cast(total, x.dtype);
}

/** The two neighbours of a place along an axis: which they are and what they weigh. */
type Taps = readonly { readonly index: Tensor; readonly weight: Tensor }[];

function taps(place: Tensor, size: number): Taps {
  const first = floor(place.detach());
  const rest = sub(place, first);
  return [sub(1, rest), rest].map((weight, i) => {
    const index = add(first, i);
    const held = clamp(index, 0, size - 1);
    // A neighbour outside weighs nothing.
    return { index: cast(held, "u32"), weight: where(equal(held, index), weight, 0) };
  });
}

/** Places outside of x brought inside, but for zeros. */
function inside(
  place: Tensor,
  size: number,
  padding: "zeros" | "border" | "reflection",
  alignCorners: boolean,
): Tensor {
  if (padding === "zeros") return place;
  if (padding === "border") return clamp(place, 0, size - 1);
  // Mirrors are the outermost pixels' centers, or x's edges.
  const [low, span] = alignCorners ? [0, size - 1] : [-0.5, size];
  if (span === 0) return clamp(place, 0, 0);
  const away = abs(sub(place, low));
  const turns = floor(affine(away.detach(), 1 / span));
  const rest = sub(away, mul(turns, span));
  const even = lessEqual(sub(turns, mul(floor(affine(turns, 0.5)), 2)), 0);
  return clamp(add(where(even, rest, sub(span, rest)), low), 0, size - 1);
}
