import type { Device } from "../device/device.js";
import { tensor } from "../tensor/create.js";
import { Tensor } from "../tensor/tensor.js";
import * as cast from "./cast.js";
import * as cumsum from "./cumsum.js";
import * as elementwise from "./elementwise.js";
import * as gather from "./gather.js";
import * as layout from "./layout.js";
import * as matmul from "./matmul.js";
import * as pad from "./pad.js";
import * as reduce from "./reduce.js";
import * as repeat from "./repeat.js";
import * as slices from "./slice.js";
import * as softmax from "./softmax.js";
import * as sort from "./sort.js";
import * as statistics from "./statistics.js";
import * as triangle from "./triangle.js";

/**
 * The tensor's values on another device; itself where it is there already. No gradient goes back.
 *
 * @throws ReleasedError when it was released; UnsupportedPrecisionError for f16 where there is none
 */
async function to(x: Tensor, device: Device): Promise<Tensor> {
  if (x.device === device) return x;
  const values = await (x.dtype === "u32" ? x.readIntegers() : x.read());
  return tensor(device, values, x.shape, x.dtype);
}

/** Ops that are methods of their first tensor too: `x.add(y)` is `add(x, y)`. */
const methods = {
  ...pick(elementwise, [
    ...(["add", "sub", "mul", "div", "maximum", "minimum", "pow", "less", "lessEqual"] as const),
    ...(["greater", "greaterEqual", "equal", "notEqual", "neg", "abs", "exp", "log"] as const),
    ...(["sqrt", "square", "reciprocal", "sin", "cos", "tanh", "sigmoid", "relu", "silu"] as const),
    ...(["gelu", "geluExact", "erf", "expm1", "log1p", "softplus", "floor", "sign"] as const),
    ...(["leakyRelu", "elu", "affine", "clamp", "where"] as const),
  ]),
  ...pick(layout, ["reshape", "permute", "transpose", "squeeze", "unsqueeze", "flatten"]),
  ...pick(reduce, ["sum", "mean", "max", "argmax"]),
  ...pick(statistics, ["min", "argmin", "variance", "prod"]),
  ...pick(slices, ["split", "flip", "roll"]),
  ...pick(repeat, ["expand", "repeat", "tile"]),
  ...pick(softmax, ["softmax", "logSoftmax", "logSumExp"]),
  ...pick(sort, ["sort", "argsort", "topk"]),
  ...pick(triangle, ["tril", "triu"]),
  ...pick(gather, ["gather"]),
  ...pick(cast, ["cast"]),
  ...pick(cumsum, ["cumsum"]),
  ...pick(matmul, ["matmul"]),
  ...pick(pad, ["pad"]),
  to,
};

function pick<M extends object, const K extends keyof M>(ops: M, names: readonly K[]): Pick<M, K> {
  return Object.fromEntries(names.map((name) => [name, ops[name]])) as Pick<M, K>;
}

type Methods = typeof methods;

/** `slice` is not among them: `x.slice` is where a tensor lies in memory. */
export type TensorMethods = {
  [K in keyof Methods]: Methods[K] extends (x: Tensor, ...rest: infer Rest) => infer Out
    ? (...rest: Rest) => Out
    : never;
};

declare module "../tensor/tensor.js" {
  interface Tensor extends TensorMethods {}
}

for (const [name, op] of Object.entries(methods) as [string, (...args: unknown[]) => unknown][]) {
  Object.defineProperty(Tensor.prototype, name, {
    value(this: Tensor, ...rest: unknown[]) {
      return op(this, ...rest);
    },
  });
}
