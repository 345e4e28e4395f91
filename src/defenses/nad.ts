import { noGrad } from "../autograd/tape.js";
import type { Images } from "../data/image-source.js";
import { ShapeError } from "../device/errors.js";
import type { Classifier } from "../models/classifier.js";
import { features } from "../nn/features.js";
import { loadStateDict, stateDict } from "../nn/state-dict.js";
import { crossEntropy } from "../ops/cross-entropy.js";
import { abs, add, affine, div, powScalar, sqrt, square, sub } from "../ops/elementwise.js";
import { mean, sum } from "../ops/reduce.js";
import { integer, number } from "../schema/index.js";
import { formatShape } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { defineDefense } from "./defense.js";
import { repeated, sgdFields, tuneBySgd } from "./sgd.js";
import { Snapshot } from "./snapshot.js";

/**
 * Neural attention distillation: a copy of the model that is fine-tuned teaches the backdoored one
 * where to look,
 *
 *     CE + beta sum_l MSE(A(F_l), A(T_l)),   A(F) = M / ||M||_2,   M = sum_c |F_c|^p,
 *
 * F_l and T_l the student's and the teacher's activations behind its last stages, A normalised over the
 * positions of each image. The teacher runs in evaluation mode; batch norm sees the student's batches
 * once. A run that goes on after a pause tunes the teacher again: it comes out the same.
 */
export const attentionDistillation = defineDefense({
  name: "nad",
  title: "NAD",
  doc: "tunes a copy, then the model itself toward the copy's attention maps",
  source: "Li et al., Neural Attention Distillation, 2021, arXiv 2101.05930",
  options: {
    ...sgdFields({ epochs: 10, weightDecay: 1e-4 }),
    teacherEpochs: integer({ min: 1, default: 10, doc: "passes for the teacher before" }),
    beta: number({ min: 0, default: 500, doc: "weight of the attention maps' distance" }),
    stages: integer({ min: 1, default: 3, doc: "how many of the last stages are compared" }),
    power: number({ above: 0, default: 2, doc: "p of the attention maps" }),
  },
  epochs: ({ epochs }) => epochs,
  passes: ({ epochs, teacherEpochs }) => teacherEpochs + (4 / 3) * epochs,
  async run(model, clean, options, hooks) {
    const { teacherEpochs, beta, power } = options;
    const names = lastStages(model, options.stages);
    const teacher = await taught(model, clean, { ...options, epochs: teacherEpochs }, hooks);
    try {
      hooks.onStage?.("the student");
      model.train();
      await tuneBySgd(model, clean, options, hooks, {
        objective: ({ images, labels }, { report }) => {
          const seen = noGrad(() => teacher.run(() => features(model, images, names)));
          const own = features(model, images, names);
          const loss = crossEntropy(own.output, labels);
          report("loss", loss);
          return names.reduce((all, name) => {
            const [f, t] = [own.features[name], seen.features[name]] as [Tensor, Tensor];
            return add(all, affine(attentionDistance(f, t, power), beta));
          }, loss);
        },
      });
    } finally {
      model.eval();
      teacher.release();
    }
  },
});

/** The model fine-tuned; the model itself is afterwards as it was. */
async function taught(
  model: Classifier,
  clean: Images,
  options: Parameters<typeof tuneBySgd>[2],
  hooks: Parameters<typeof tuneBySgd>[3],
): Promise<Snapshot> {
  hooks.onStage?.("the teacher");
  const before = await stateDict(model);
  try {
    model.train();
    await tuneBySgd(model, clean, options, repeated(hooks));
    return new Snapshot(model);
  } finally {
    loadStateDict(model, before);
    model.eval();
  }
}

/** The last children of the model that come before its head and hold parts: its stages. */
function lastStages(model: Classifier, count: number): string[] {
  const stages = model
    .children()
    .filter(([, child]) => child !== model.head && child.children().length > 0)
    .map(([name]) => name);
  if (stages.length >= count) return stages.slice(-count);
  throw new ShapeError(
    `defense nad: the model has ${stages.length} stages (${stages.join(", ")}), not ${count}; ` +
      "choose fewer stages",
  );
}

/**
 * Mean over images and positions of (A(F) - A(T))^2.
 *
 * @param f, t activations [n, h, w, channels]
 * @throws ShapeError unless there are several positions: a map of one says nothing
 */
export function attentionDistance(f: Tensor, t: Tensor, power: number): Tensor {
  return mean(square(sub(attention(f, power), attention(t, power))));
}

function attention(x: Tensor, power: number): Tensor {
  const [, h = 1, w = 1] = x.shape;
  if (x.shape.length !== 4 || h * w === 1) {
    throw new ShapeError(
      `defense nad: an attention map needs [n, h, w, channels] with several positions, not ` +
        `${formatShape(x.shape)}; choose fewer or other stages`,
    );
  }
  const map = sum(power === 2 ? square(x) : powScalar(abs(x), power), [3]);
  // The least number keeps the root's gradient finite where an image excites nothing.
  const norm = sqrt(affine(sum(square(map), [1, 2], { keepDims: true }), 1, 1e-24));
  return div(map, affine(norm, 1, 1e-6));
}
