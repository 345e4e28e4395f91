import { abs, add, affine, div, mul, sqrt, square } from "../ops/elementwise.js";
import { sum } from "../ops/reduce.js";
import { flag, number } from "../schema/index.js";
import type { Tensor } from "../tensor/tensor.js";
import { defineDefense } from "./defense.js";
import { perturbedGradient } from "./perturbed-gradient.js";
import { sgdFields, tuneBySgd } from "./sgd.js";

/**
 * Fine-tuning by sharpness-aware minimisation: each step takes the gradient at w + e, where the loss is
 * nearly the largest within a ball about w. Neurons with large weights are moved most, those that a
 * backdoor rests on among them. Adaptive (Kwon et al. 2021), as in the authors' code:
 *
 *     e = rho w^2 g / || |w| g ||,   else   e = rho g / ||g||,   g the gradient at w
 */
export const sharpnessAwareTuning = defineDefense({
  name: "ft-sam",
  title: "FT-SAM",
  doc: "tunes the whole model by sharpness-aware minimisation",
  source:
    "Zhu et al., Enhancing Fine-Tuning Based Backdoor Defense with SAM, 2023, arXiv 2304.11823",
  options: {
    ...sgdFields({ epochs: 20, weightDecay: 5e-4 }),
    rho: number({ above: 0, default: 2, doc: "radius of the ball about the weights" }),
    adaptive: flag({ default: true, doc: "scale the ball by the weights' sizes" }),
    labelSmoothing: number({ min: 0, below: 1, default: 0.1, doc: "label smoothing" }),
  },
  epochs: ({ epochs }) => epochs,
  passes: ({ epochs }) => 2 * epochs,
  async run(model, clean, options, hooks) {
    const { rho, adaptive, labelSmoothing } = options;
    try {
      model.train();
      await tuneBySgd(model, clean, options, hooks, {
        loss: { labelSmoothing },
        gradients: perturbedGradient(model, (w, g) => add(w, ascent(w, g, rho, adaptive))),
      });
    } finally {
      model.eval();
    }
  },
});

/** The step to where the loss, taken as linear, is the largest within the ball. */
export function ascent(w: Tensor, g: Tensor, rho: number, adaptive: boolean): Tensor {
  const scaled = adaptive ? mul(abs(w), g) : g;
  const length = affine(sqrt(sum(square(scaled))), 1, 1e-12);
  const direction = adaptive ? mul(abs(w), scaled) : scaled;
  return mul(direction, div(affine(length, 0, rho), length));
}
