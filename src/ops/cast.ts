import { record } from "../autograd/tape.js";
import { ShapeError } from "../device/errors.js";
import { convert } from "../tensor/convert.js";
import { empty } from "../tensor/create.js";
import type { DType, FloatType, Tensor } from "../tensor/tensor.js";
import { checkInputs } from "./arguments.js";

/**
 * x with its elements as f32 or f16, rounded to nearest, or as u32; x itself if it has the type.
 * What is too large for f16 (65,520 and more) becomes infinite. To u32 what comes after the point is
 * cut off, and what is too small or too large becomes the nearest. The gradient comes back in x's
 * type; to and from u32 there is none.
 */
export function cast(x: Tensor, dtype: DType): Tensor {
  if (!["f32", "f16", "u32"].includes(dtype)) {
    throw new ShapeError(`cast: ${String(dtype)} is no element type; there are f32, f16 and u32`);
  }
  checkInputs("cast", [x], x.dtype);
  if (x.dtype === dtype) return x;
  if (dtype === "u32") return convertInteger("toInteger", inType(x, "f32"));
  if (x.dtype === "u32") return inType(convertInteger("toFloat", x), dtype);
  return record("cast", inType(x, dtype), [x], [], (g, sink) => {
    const dx = sink(0);
    convert(x.device, g.slice, dx.slice);
    return [dx];
  });
}

function convertInteger(op: "toInteger" | "toFloat", x: Tensor): Tensor {
  const out = empty(x.device, x.shape, op === "toFloat" ? "f32" : "u32", op);
  const inputs = [{ slice: x.slice, strides: [1] }];
  if (x.size > 0) x.device.run("integer", { op, inputs, out: out.slice, shape: [x.size] });
  return out;
}

/** As `cast`, outside the gradient graph. */
export function inType(x: Tensor, dtype: FloatType): Tensor {
  if (x.dtype === dtype) return x;
  const out = empty(x.device, x.shape, dtype, `${dtype} copy`);
  convert(x.device, x.slice, out.slice);
  return out;
}
