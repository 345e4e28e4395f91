import { lessEqual, mul } from "../ops/elementwise.js";
import { oneHot } from "../ops/gather.js";
import { argmax, max, mean, sum } from "../ops/reduce.js";
import type { Tensor } from "../tensor/tensor.js";

/** The share of rows whose largest logit is that of the label; no gradient. */
export function accuracyOf(logits: Tensor, labels: Tensor): Tensor {
  const given = logits.detach();
  const own = sum(mul(given, oneHot(labels, given.shape[1] ?? 1)), [1]);
  return mean(lessEqual(max(given, [1]), own));
}

/** 1 at each row's largest logit, the first on a tie, else 0; no gradient. */
export function predicted(logits: Tensor): Tensor {
  const given = logits.detach();
  return oneHot(argmax(given, [1]), given.shape[1] ?? 1);
}
