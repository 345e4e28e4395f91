import { crossEntropy } from "../ops/cross-entropy.js";
import { add, affine, relu, sqrt, square, sub } from "../ops/elementwise.js";
import { mean, sum } from "../ops/reduce.js";
import { number } from "../schema/index.js";
import { tensor } from "../tensor/create.js";
import { Philox } from "../tensor/random.js";
import type { Tensor } from "../tensor/tensor.js";
import { defineDefense } from "./defense.js";
import { sgdFields, tuneBySgd } from "./sgd.js";
import { frobenius, projectTo } from "./tuning.js";

/**
 * Distance-driven detoxification: the head goes as far from the backdoored one as its norm and a bound
 * on the clean loss allow,
 *
 *     min  lambda mean relu(CE - eps) - ||W - W_ori||_F,   ||W||_F = ||W_ori||_F,
 *
 * divided by lambda + 1 where lambda is above 1, as in the authors' code. The head's weight starts from
 * U(-1/2, 1/2), scaled to the norm; its bias stays.
 */
export const distanceDriven = defineDefense({
  name: "d3",
  title: "D3",
  doc: "re-draws the head and drives it away from the original under a bound on the clean loss",
  source:
    "Wei et al., Backdoor Mitigation by Distance-Driven Detoxification, 2025, arXiv 2411.09585",
  options: {
    ...sgdFields({ epochs: 20 }),
    lambda: number({ above: 0, default: 10, doc: "weight of the clean loss beside the distance" }),
    eps: number({ min: 0, default: 0.1, doc: "clean loss of an image that is small enough" }),
  },
  epochs: ({ epochs }) => epochs,
  async run(model, clean, options, hooks) {
    const weight = model.head.weight.value;
    const { device, shape } = weight;
    const before = await weight.read();
    const norm = frobenius(before);
    const original = tensor(device, before, shape).keep();
    try {
      const draw = new Philox(options.seed, 0, "redrawn weight");
      weight.write(before.map(() => draw.uniform(-0.5, 0.5)));
      projectTo(weight, norm);
      model.train();
      await tuneBySgd(model, clean, options, hooks, {
        objective: ({ images, labels }, { forward, report }) => {
          const losses = crossEntropy(forward(images), labels, { reduction: "none" });
          report("loss", mean(losses));
          return farther(losses, weight, original, options);
        },
        afterStep: () => projectTo(weight, norm),
      });
    } finally {
      model.eval();
      original.release();
    }
  },
});

/** The loss above, from the cross-entropy of each image. */
export function farther(
  losses: Tensor,
  weight: Tensor,
  original: Tensor,
  { lambda, eps }: { readonly lambda: number; readonly eps: number },
): Tensor {
  const loss = affine(mean(relu(affine(losses, 1, -eps))), lambda);
  const distance = sqrt(sum(square(sub(weight, original))));
  const all = add(loss, affine(distance, -1));
  return lambda > 1 ? affine(all, 1 / (lambda + 1)) : all;
}
