import { ShapeError } from "../device/errors.js";
import { formatShape } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { alongAxis } from "./along-axis.js";
import { checkInputs, checkInteger, checkRank, type Pair, pair } from "./arguments.js";
import { cast } from "./cast.js";
import { concat } from "./join.js";
import { avgPool2d, maxPool2d } from "./pool2d.js";
import { max } from "./reduce.js";
import { slice } from "./slice.js";

/** Mean over windows that divide x [n, h, w, c] into `size` rows and columns; they may overlap. */
export const adaptiveAvgPool2d = (x: Tensor, size: Pair): Tensor =>
  adaptive("avg", x, size, ({ axis, from, to }, y) => {
    const weights = new Float32Array(to * from);
    for (let i = 0; i < to; i++) {
      const [start, end] = cell(i, from, to);
      weights.fill(1 / (end - start), i * from + start, i * from + end);
    }
    return alongAxis(y, weights, to, axis);
  });

/** Largest value of windows that divide x [n, h, w, c] into `size` rows and columns. */
export const adaptiveMaxPool2d = (x: Tensor, size: Pair): Tensor =>
  adaptive("max", x, size, ({ axis, from, to }, y) => {
    const cells = Array.from({ length: to }, (_, i) => cell(i, from, to));
    return concat(
      cells.map((range) =>
        max(slice(y, axis === 1 ? [null, range] : [null, null, range]), [axis], { keepDims: true }),
      ),
      axis,
    );
  });

interface Side {
  readonly axis: 1 | 2;
  readonly from: number;
  readonly to: number;
}

/** Where cell i of `to` begins and ends among `from` elements, as in PyTorch. */
const cell = (i: number, from: number, to: number): readonly [number, number] => [
  Math.floor((i * from) / to),
  Math.ceil(((i + 1) * from) / to),
];

function adaptive(
  op: "max" | "avg",
  x: Tensor,
  size: Pair,
  along: (side: Side, y: Tensor) => Tensor,
): Tensor {
  const name = op === "max" ? "adaptiveMaxPool2d" : "adaptiveAvgPool2d";
  checkInputs(name, [x], "float");
  checkRank(name, "x", x, 4, "[n, h, w, c]");
  const [, h = 0, w = 0] = x.shape;
  const [outH, outW] = pair(name, "size", size);
  for (const s of [outH, outW]) checkInteger(name, "size", s, 1);
  if (x.size === 0) throw new ShapeError(`${name}: ${formatShape(x.shape)} has no windows`);
  if (h % outH === 0 && w % outW === 0)
    return (op === "max" ? maxPool2d : avgPool2d)(x, [h / outH, w / outW]);
  const rows = along({ axis: 1, from: h, to: outH }, x);
  return cast(along({ axis: 2, from: w, to: outW }, rows), x.dtype);
}
