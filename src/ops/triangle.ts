import { ShapeError } from "../device/errors.js";
import { tensor } from "../tensor/create.js";
import { formatShape } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { checkInputs } from "./arguments.js";
import { lessEqual, where } from "./elementwise.js";

/** x [..., rows, columns] with zeros above a diagonal; 0 is the main one, 1 the next above it. */
export const tril = (x: Tensor, diagonal = 0): Tensor =>
  where(lowerTriangle("tril", x, diagonal), x, 0);

/** x [..., rows, columns] with zeros below a diagonal. */
export const triu = (x: Tensor, diagonal = 0): Tensor =>
  where(lowerTriangle("triu", x, diagonal - 1), 0, x);

/** 1 where column - row <= diagonal: [rows, columns]. */
export function lowerTriangle(op: string, x: Tensor, diagonal: number): Tensor {
  checkInputs(op, [x], "float");
  const [rows, columns] = [x.shape.at(-2), x.shape.at(-1)];
  if (rows === undefined || columns === undefined) {
    throw new ShapeError(`${op}: needs matrices [..., rows, columns], not ${formatShape(x.shape)}`);
  }
  if (!Number.isInteger(diagonal)) {
    throw new ShapeError(`${op}: the diagonal ${diagonal} must be an integer`);
  }
  const count = (n: number, from: number) => Float32Array.from({ length: n }, (_, i) => i + from);
  const row = tensor(x.device, count(rows, diagonal), [rows, 1]);
  return lessEqual(tensor(x.device, count(columns, 0), [columns]), row);
}
