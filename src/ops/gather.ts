import { record } from "../autograd/tape.js";
import { ShapeError } from "../device/errors.js";
import { empty } from "../tensor/create.js";
import { formatShape } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { checkInputs, checkInteger, checkRank } from "./arguments.js";
import { reshape } from "./layout.js";

/** Rows of x [rows, ...] picked by index (u32 [picked]); an index out of range gives NaN. */
export function gather(x: Tensor, index: Tensor): Tensor {
  checkInputs("gather", [x]);
  checkInputs("gather (index)", [index], "u32");
  checkRank("gather", "index", index, 1, "[picked]");
  const rows = x.shape[0];
  if (rows === undefined) throw new ShapeError("gather: x needs at least one dimension");
  if (rows === 0) throw new ShapeError(`gather: ${formatShape(x.shape)} has no rows to pick from`);
  const picked = index.size;
  const columns = x.size / rows;
  const out = empty(x.device, [picked, ...x.shape.slice(1)], "f32", "gather");
  const sizes = { index: index.slice, rows, picked, columns };
  if (out.size > 0) x.device.run("gatherRows", { x: x.slice, out: out.slice, ...sizes });
  return record("gather", out, [x], [index], (dy, sink) => {
    const dx = sink(0);
    if (dx.size > 0 && picked > 0) {
      x.device.run("scatterAddRows", { dy: dy.slice, out: dx.slice, ...sizes });
    } else if (dx.size > 0) {
      x.device.run("fill", { dst: dx.slice, value: 0 });
    }
    return [dx];
  });
}

/** Rows of `table` [rows, columns] by indices u32 of any shape: [...index's shape, columns]. */
export function embedding(table: Tensor, index: Tensor): Tensor {
  checkRank("embedding", "the table", table, 2, "[rows, columns]");
  const rows = gather(table, reshape(index, [index.size]));
  return reshape(rows, [...index.shape, table.shape[1] ?? 0]);
}

/** index u32 [picked] -> f32 [picked, classes], `on` at the index and `off` elsewhere. */
export function oneHot(index: Tensor, classes: number, on = 1, off = 0): Tensor {
  checkInputs("oneHot", [index], "u32");
  checkRank("oneHot", "index", index, 1, "[picked]");
  checkInteger("oneHot", "classes", classes, 1);
  const picked = index.size;
  const out = empty(index.device, [picked, classes], "f32", "oneHot");
  if (picked > 0) {
    index.device.run("oneHot", { index: index.slice, out: out.slice, picked, classes, on, off });
  }
  return out;
}
