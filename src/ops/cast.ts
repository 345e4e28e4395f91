import { record } from "../autograd/tape.js";
import { convert } from "../tensor/convert.js";
import { empty } from "../tensor/create.js";
import type { FloatType, Tensor } from "../tensor/tensor.js";
import { checkInputs } from "./arguments.js";

/**
 * x with its elements as f32 or f16, rounded to nearest; x itself if it has the type. What is too
 * large for f16 (65,520 and more) becomes infinite. The gradient comes back in x's type.
 */
export function cast(x: Tensor, dtype: FloatType): Tensor {
  checkInputs("cast", [x], "float");
  if (x.dtype === dtype) return x;
  return record("cast", inType(x, dtype), [x], [], (g, sink) => {
    const dx = sink(0);
    convert(x.device, g.slice, dx.slice);
    return [dx];
  });
}

/** As `cast`, outside the gradient graph. */
export function inType(x: Tensor, dtype: FloatType): Tensor {
  if (x.dtype === dtype) return x;
  const out = empty(x.device, x.shape, dtype, `${dtype} copy`);
  convert(x.device, x.slice, out.slice);
  return out;
}
