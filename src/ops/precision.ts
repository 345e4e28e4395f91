import { type Shape, sameShape } from "../tensor/shape.js";
import type { FloatType, Tensor } from "../tensor/tensor.js";
import { inType } from "./cast.js";

/*
 * Mixed precision: activations carry their type, and ops follow it. The whole policy:
 *
 *   matmul, conv2d          operands and result as the activation; products are added in f32, the
 *                           gradient of an f32 weight is f32
 *   batchNorm, pooling      result as the activation, arithmetic f32; statistics, scale and shift f32
 *   elementwise             result as the full-sized operands, f32 if they differ; arithmetic f32
 *   sums, means, maxima     result f32, so the head behind a global average pool is f32
 *   crossEntropy            f32, whatever the logits are
 *   optimizer, parameters   f32
 */

/** A GEMM's weight as its activation needs it: the f16 twin a training step keeps, or a copy. */
export const gemmWeight = (w: Tensor, dtype: FloatType): Tensor =>
  dtype === "f16" && w.half?.live ? w.half : inType(w, dtype);

/** What stands for a GEMM's weight among what was saved: f16 twins follow their weights. */
export const asSaved = (w: Tensor, weight: Tensor): Tensor => (weight === w.half ? w : weight);

/** Operands that are broadcast, such as biases, leave the type to those of the result's size. */
export function elementwiseType(inputs: readonly Tensor[], shape: Shape): FloatType {
  const full = inputs.filter((x) => sameShape(x.shape, shape));
  const deciding = full.length > 0 ? full : inputs;
  return deciding.every((x) => x.dtype === "f16") ? "f16" : "f32";
}
