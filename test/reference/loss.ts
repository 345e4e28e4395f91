import type { HostCall } from "../support/host-call.js";
import { at } from "../support/random.js";

export function softmaxCrossEntropy(call: HostCall<"softmaxCrossEntropy">): void {
  const { logits, labels, loss, probabilities, rows, classes, on, off } = call;
  for (let r = 0; r < rows; r++) {
    const row = Array.from({ length: classes }, (_, c) => at(logits, r * classes + c));
    const top = row.reduce((a, b) => Math.max(a, b));
    const sum = row.reduce((total, x) => total + Math.exp(x - top), 0);
    const label = at(labels, r);
    let total = 0;
    for (const [c, x] of row.entries()) {
      const logSoftmax = x - top - Math.log(sum);
      probabilities[r * classes + c] = Math.exp(logSoftmax);
      const weight = c === label ? on : off;
      if (weight !== 0) total -= weight * logSoftmax;
    }
    loss[r] = label < classes ? total : Number.NaN;
  }
}

export function softmaxCrossEntropyBackward(call: HostCall<"softmaxCrossEntropyBackward">): void {
  const { probabilities, labels, dloss, dlogits, rows, classes, on, off } = call;
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < classes; c++) {
      const t = c === at(labels, r) ? on : off;
      const p = at(probabilities, r * classes + c);
      dlogits[r * classes + c] = at(dloss, r) * (p * (on + off * (classes - 1)) - t);
    }
  }
}
