import { noGrad } from "../autograd/tape.js";
import { add, affine, mul } from "../ops/elementwise.js";
import { mean, sum } from "../ops/reduce.js";
import { logSoftmax, softmax } from "../ops/softmax.js";
import { number } from "../schema/index.js";
import { tensor } from "../tensor/create.js";
import type { Tensor } from "../tensor/tensor.js";
import { defineDefense } from "./defense.js";
import { mixed } from "./mixing.js";
import { sgdFields, tuneBySgd } from "./sgd.js";
import { Snapshot } from "./snapshot.js";
import { alignment, frobenius, projectTo, redraw } from "./tuning.js";

/**
 * Feature shift tuning with the received model as its teacher (docs/beyond-fst.md):
 *
 *     CE(f(x), y) + distill T^2 CE(softmax(f_0(x) / T), softmax(f(x) / T)) + alpha <W, W_ori>,
 *
 * the head re-drawn and held at its norm as in FST, f_0 the model as it was received. What f_0 says of
 * clean images, where it is right, gives back what a thousand images cannot teach; of triggered ones it
 * is never asked. Half of the images are mixed with another one, so that there is more to be said of a
 * thousand. The trigger is not resembled by anything that it is shown.
 */
export const distilledShift = defineDefense({
  name: "fst-distill",
  title: "FST with distillation",
  doc: "FST, with the received model's own answers on clean and mixed images as a soft target",
  source: "this package, docs/beyond-fst.md; after Min et al. 2023 and Hinton et al. 2015",
  options: {
    ...sgdFields({ epochs: 20 }),
    alpha: number({ default: 0.2, doc: "weight of <W, W_ori>" }),
    distill: number({ min: 0, default: 1, doc: "weight of the received model's answers" }),
    temperature: number({ above: 0, default: 2, doc: "T, which softens both sides' answers" }),
    mix: number({ min: 0, max: 1, default: 0.5, doc: "images that are mixed with another one" }),
  },
  epochs: ({ epochs }) => epochs,
  passes: ({ epochs, distill }) => epochs * (distill > 0 ? 4 / 3 : 1),
  async run(model, clean, options, hooks) {
    const { alpha, distill, temperature, mix, seed } = options;
    const { head } = model;
    const weight = head.weight.value;
    const before = await weight.read();
    const norm = frobenius(before);
    const original = tensor(weight.device, before, weight.shape).keep();
    const teacher = new Snapshot(model);
    const classes = weight.shape[0] ?? 1;
    try {
      redraw(head, { seed, redrawBias: true });
      model.train();
      await tuneBySgd(model, clean, options, hooks, {
        objective(batch, context) {
          const { images, targets } = mixed(batch, context, classes, mix);
          const logits = context.forward(images);
          const loss = softCrossEntropy(targets, logits);
          context.report("loss", loss);
          const shifted = add(loss, alignment(weight, original, alpha));
          if (distill === 0) return shifted;
          const answers = noGrad(() =>
            teacher.run(() => softmax(affine(model.forward(images), 1 / temperature))),
          );
          const taught = softCrossEntropy(answers, affine(logits, 1 / temperature));
          return add(shifted, affine(taught, distill * temperature ** 2));
        },
        afterStep: () => projectTo(weight, norm),
      });
    } finally {
      model.eval();
      teacher.release();
      original.release();
    }
  },
});

/** Mean over rows of -sum_c t_c log softmax(logits)_c, t [n, classes] without a gradient. */
export const softCrossEntropy = (targets: Tensor, logits: Tensor): Tensor =>
  affine(mean(sum(mul(targets, logSoftmax(logits)), [1])), -1);
