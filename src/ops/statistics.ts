import { ShapeError } from "../device/errors.js";
import { checkOptions, type OptionTable } from "../device/options.js";
import { full } from "../tensor/create.js";
import { formatShape, normaliseAxes, sizeOf } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { checkInputs } from "./arguments.js";
import { cast } from "./cast.js";
import { affine, mul, neg, square, sub } from "./elementwise.js";
import { concat } from "./join.js";
import { permute, reshape } from "./layout.js";
import { argmax, max, mean, type ReduceOptions, sum } from "./reduce.js";
import { slice } from "./slice.js";

/** Smallest value over `axes` (default all); elements that tie for it share the gradient. */
export const min = (x: Tensor, axes?: readonly number[], options?: ReduceOptions): Tensor =>
  neg(max(neg(x), axes, options));

/** Index (u32) of the smallest value along `axes`, flattened in row-major order; the lowest wins. */
export const argmin = (x: Tensor, axes?: readonly number[], options?: ReduceOptions): Tensor =>
  argmax(neg(x), axes, options);

export interface VarianceOptions extends ReduceOptions {
  /** Taken off the count that the sum of squares is divided by. Default 1, as in PyTorch. */
  correction?: number;
}

const varianceOptions: OptionTable<VarianceOptions> = { keepDims: "boolean", correction: "number" };

/** sum (x - mean)^2 / (count - correction) over `axes` (default all), in f32. */
export function variance(
  x: Tensor,
  axes?: readonly number[],
  options: VarianceOptions = {},
): Tensor {
  checkOptions("variance", options, varianceOptions);
  checkInputs("variance", [x], "float");
  const { keepDims = false, correction = 1 } = options;
  const over = reducedAxes("variance", x, axes);
  const count = sizeOf(over.map((d) => x.shape[d] ?? 1));
  if (!(count - correction > 0)) {
    throw new ShapeError(
      `variance: ${count} values of ${formatShape(x.shape)} over axes [${over}] are too few for ` +
        `correction ${correction}`,
    );
  }
  const wide = cast(x, "f32");
  const centred = sub(wide, mean(wide, over, { keepDims: true }));
  return affine(sum(square(centred), over, { keepDims }), 1 / (count - correction));
}

const prodOptions: OptionTable<ReduceOptions> = { keepDims: "boolean" };

/**
 * Product over `axes` (default all), in f32, of halves again and again. So the gradient is made of
 * products alone and right at zeros; a product of nothing is 1.
 */
export function prod(x: Tensor, axes?: readonly number[], options: ReduceOptions = {}): Tensor {
  checkOptions("prod", options, prodOptions);
  checkInputs("prod", [x], "float");
  const over = reducedAxes("prod", x, axes);
  const keep = x.shape.map((_, d) => d).filter((d) => !over.includes(d));
  const shape = x.shape.flatMap((size, d) =>
    over.includes(d) ? (options.keepDims ? [1] : []) : [size],
  );
  const rest = keep.map((d) => x.shape[d] ?? 1);
  let count = sizeOf(over.map((d) => x.shape[d] ?? 1));
  if (count === 0) return full(x.device, shape, 1);
  // The factors lie in front, where a half is one block.
  let y = reshape(permute(cast(x, "f32"), [...over, ...keep]), [count, ...rest]);
  while (count > 1) {
    const half = count >> 1;
    const halves = mul(slice(y, [[0, half]]), slice(y, [[half, 2 * half]]));
    y = count % 2 === 0 ? halves : concat([halves, slice(y, [[2 * half]])]);
    count -= half;
  }
  return reshape(y, shape);
}

const reducedAxes = (op: string, x: Tensor, axes?: readonly number[]): number[] =>
  normaliseAxes(op, axes ?? x.shape.map((_, d) => d), x.shape.length);
