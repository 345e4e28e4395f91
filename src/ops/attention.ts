import { ShapeError } from "../device/errors.js";
import { checkOptions, type OptionTable } from "../device/options.js";
import { formatShape } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { dropout } from "./dropout.js";
import { add, affine, where } from "./elementwise.js";
import { matmul } from "./matmul.js";
import { softmax } from "./softmax.js";
import { lowerTriangle } from "./triangle.js";

export interface AttentionOptions {
  /** Added to the scores, broadcast to [..., queries, keys]; -infinity leaves a key out. */
  mask?: Tensor;
  /** Query i sees keys 0 .. i alone. Default false. */
  causal?: boolean;
  /** What scores are multiplied by. Default 1 / sqrt(d). */
  scale?: number;
  /** Dropout of the weights: its rate and random state; see dropout. */
  dropout?: { readonly rate: number; readonly state: Tensor | number };
}

const attentionOptions: OptionTable<AttentionOptions> = {
  mask: "checked",
  causal: "boolean",
  scale: "number",
  dropout: "checked",
};

/**
 * Scaled dot-product attention, softmax(q k^T scale + mask) v (Vaswani et al. 2017): q [..., queries, d],
 * k [..., keys, d], v [..., keys, dv] give [..., queries, dv]; leading dimensions broadcast.
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor {
  checkOptions("attention", options, attentionOptions);
  const size = q.shape.at(-1) ?? 0;
  if (q.shape.length < 2 || size !== k.shape.at(-1) || k.shape.at(-2) !== v.shape.at(-2)) {
    const shapes = [q, k, v].map((x) => formatShape(x.shape)).join(", ");
    throw new ShapeError(
      `attention: ${shapes} must be [..., queries, d], [..., keys, d] and [..., keys, dv]`,
    );
  }
  const { mask, causal = false, scale = 1 / Math.sqrt(size) } = options;
  let scores = affine(matmul(q, k, { transB: true }), scale);
  if (mask) scores = add(scores, mask);
  if (causal)
    scores = where(lowerTriangle("attention", scores, 0), scores, Number.NEGATIVE_INFINITY);
  const weights = softmax(scores);
  const { dropout: drop } = options;
  return matmul(drop ? dropout(weights, drop.rate, drop.state) : weights, v);
}
