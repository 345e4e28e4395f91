import { gradients, noGrad } from "../autograd/tape.js";
import type { ImageShape } from "../data/image-set.js";
import type { Images } from "../data/image-source.js";
import type { Classifier } from "../models/classifier.js";
import { hessianVector } from "../nn/hessian-vector.js";
import { constant } from "../nn/init.js";
import { Module } from "../nn/module.js";
import { imageChannels, Parameter } from "../nn/parameter.js";
import { place, placementOf } from "../nn/place.js";
import { flatValues } from "../nn/values.js";
import { crossEntropy } from "../ops/cross-entropy.js";
import { add, affine, div, maximum, minimum, mul, sqrt, square, sub } from "../ops/elementwise.js";
import { argmax, sum } from "../ops/reduce.js";
import { Adam } from "../optim/adam.js";
import { constantRate } from "../optim/schedules.js";
import { SGD } from "../optim/sgd.js";
import { integer, number, type Values } from "../schema/index.js";
import { full, tensor, zeros } from "../tensor/create.js";
import { Tensor } from "../tensor/tensor.js";
import type { ImageBatch } from "../training/feed.js";
import { fit } from "../training/fit.js";
import { pausable } from "../training/pause.js";
import { defineDefense } from "./defense.js";
import { sgdFields } from "./sgd.js";
import { trainOnly } from "./trainable.js";

const { seed, dropLast } = sgdFields();

const fields = {
  rounds: integer({ min: 1, default: 5, doc: "rounds of perturbation and unlearning" }),
  lr: number({ above: 0, default: 3e-4, doc: "Adam's rate of unlearning", placeholder: "rate" }),
  perturbationLr: number({
    above: 0,
    default: 10,
    doc: "SGD's rate of the perturbation",
    placeholder: "rate",
  }),
  radius: number({ above: 0, default: 10, doc: "largest L2 norm of the perturbation" }),
  penalty: number({ min: 0, default: 1e-3, doc: "weight of the perturbation's squared norm" }),
  fixedPoints: integer({ min: 0, default: 5, doc: "steps of the fixed-point iteration" }),
  innerLr: number({ above: 0, default: 0.1, doc: "step of the map whose fixed point is meant" }),
  perturbedShare: number({
    above: 0,
    max: 1,
    default: 0.01,
    doc: "share of a batch that is perturbed in unlearning, one image at least",
    placeholder: "share",
  }),
  batchSize: integer({ min: 1, default: 32, doc: "images a step" }),
  dropLast,
  seed,
};
type Options = Values<typeof fields>;

/**
 * Of the differences, as a share of 1 + ||d||: smaller than for smooth functions, because a gradient
 * jumps at each kink of a ReLU that is stepped over, which no double backward pass would see.
 */
const step = 1e-4;

/** A universal perturbation of normalised images: x + d. */
export class Perturbation extends Module {
  readonly delta: Parameter;

  constructor({ height, width }: Pick<ImageShape, "height" | "width">) {
    super();
    this.delta = new Parameter([height, width, imageChannels], constant(0));
  }

  forward(x: Tensor): Tensor {
    return add(x, this.delta.value);
  }
}

/**
 * Adversarial unlearning by implicit hypergradients. A round finds a perturbation d of all images that
 * raises the loss, from zero, by SGD on -CE(f(x + d), f's own class) + penalty ||d||^2; then each step
 * of unlearning goes by the gradient of
 *
 *     L_out = CE with d on a share of the batch,   d being the lowest point of
 *     L_in = -CE(f(x + d), y) + penalty ||d||^2,
 *
 * that knows of d's dependence on the weights: with Phi(d) = d - innerLr grad_d L_in, from v = 0,
 *
 *     v <- (dPhi/dd)^T v + grad_d L_out   (fixedPoints times),   g = grad_w L_out + (dPhi/dw)^T v.
 *
 * The second derivatives are central differences of gradients (`hessianVector`); (dPhi/dw)^T v is the
 * gradient of -innerLr (L_in(d + e v) - L_in(d - e v)) / 2e. The model is in evaluation mode. L_in is
 * taken on the step's own batch; in the authors' code it is the first one of the set.
 */
export const implicitUnlearning = defineDefense({
  name: "i-bau",
  title: "I-BAU",
  doc: "unlearns a universal perturbation that follows the weights, by implicit hypergradients",
  source:
    "Zeng et al., Adversarial Unlearning of Backdoors via Implicit Hypergradient, 2022, arXiv 2110.03735",
  options: fields,
  epochs: ({ rounds }) => rounds,
  // The perturbation; then L_out for d, two a fixed point, L_out and twice L_in for the weights.
  passes: ({ rounds, fixedPoints }) => rounds * (1 + 2 / 3 + (4 / 3) * fixedPoints + 3),
  async run(model, clean, options, hooks) {
    const { rounds, lr, batchSize, dropLast, seed } = options;
    const { device } = placementOf(model);
    const perturbation = new Perturbation(clean);
    const placement = place(perturbation, device, { seed });
    const optimizer = new Adam(model, { lr });
    model.eval();
    try {
      await fit(model, clean, optimizer, {
        ...pausable(model, optimizer, hooks),
        ...{ epochs: rounds, batchSize, dropLast, seed, schedule: constantRate(lr) },
        onBatch: async (_, { epoch, step: batch }) => {
          if (batch > 0) return;
          hooks.onStage?.(`the perturbation of round ${epoch + 1}/${rounds}`);
          await findPerturbation(model, perturbation, clean, options, epoch, hooks.signal);
          hooks.onStage?.(`unlearning of round ${epoch + 1}/${rounds}`);
        },
        objective: (batch, { report }) => {
          const outer = outerLoss(model, perturbation, batch, options.perturbedShare);
          report("loss", outer);
          return hypergradientLoss(model, perturbation, batch, outer, options);
        },
      });
    } finally {
      model.eval();
      optimizer.release();
      placement.release();
    }
  },
});

/** One pass over the images from d = 0, projected to the ball of the radius. */
async function findPerturbation(
  model: Classifier,
  perturbation: Perturbation,
  clean: Images,
  { perturbationLr: lr, radius, penalty, batchSize, dropLast, seed }: Options,
  round: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { device } = placementOf(model);
  const d = perturbation.delta.value;
  d.write(new Float32Array(d.size));
  const optimizer = new SGD(perturbation, { lr });
  const thaw = trainOnly(model, () => false);
  try {
    await fit(perturbation, clean, optimizer, {
      ...{ startEpoch: round, epochs: round + 1, batchSize, dropLast, seed },
      schedule: constantRate(lr),
      ...(signal && { signal }),
      objective: ({ images }) => {
        const own = noGrad(() => argmax(model.forward(images), [1]));
        return raising(model, perturbation, { images, labels: own }, penalty);
      },
    });
  } finally {
    thaw();
    optimizer.release();
  }
  using _ = device.scope();
  const norm = sqrt(affine(sum(square(d.detach())), 1, 1e-24));
  const factor = minimum(div(full(device, [], radius), norm), full(device, [], 1));
  device.run("copy", { src: noGrad(() => mul(d.detach(), factor)).slice, dst: d.slice });
}

/** -CE(f(x + d), labels) + penalty ||d||^2: L_in where the labels are the images' own. */
export function raising(
  model: Classifier,
  perturbation: Perturbation,
  { images, labels }: ImageBatch,
  penalty: number,
): Tensor {
  const loss = crossEntropy(model.forward(perturbation.forward(images)), labels);
  return sub(affine(sum(square(perturbation.delta.value)), penalty), loss);
}

/** CE with d on the batch's first images: its order is random. */
export function outerLoss(
  model: Classifier,
  perturbation: Perturbation,
  { images, labels }: ImageBatch,
  share: number,
): Tensor {
  const count = labels.size;
  const perturbed = Math.max(1, Math.floor(share * count));
  const on = Float32Array.from({ length: count }, (_, i) => (i < perturbed ? 1 : 0));
  const mask = tensor(images.device, on, [count, 1, 1, 1]);
  const moved = add(images, mul(mask, perturbation.delta.value));
  return crossEntropy(model.forward(moved), labels);
}

/** A scalar whose gradient with respect to the model's weights is the hypergradient. */
export function hypergradientLoss(
  model: Classifier,
  perturbation: Perturbation,
  batch: ImageBatch,
  outer: Tensor,
  { penalty, fixedPoints, innerLr }: Pick<Options, "penalty" | "fixedPoints" | "innerLr">,
): Tensor {
  const d = perturbation.delta.value;
  const { device } = d;
  const inner = (): Tensor => raising(model, perturbation, batch, penalty);
  const [pull] = gradients(outer, [d]) as [Tensor];
  let v = zeros(device, d.shape);
  for (let k = 0; k < fixedPoints; k++) {
    const curved = hessianVector(perturbation, inner, flat(perturbation, v), { step });
    v = noGrad(() => add(sub(v, affine(unflat(curved, d), innerLr)), pull));
  }
  const { up, down, width } = noGrad(() => {
    const norm = (x: Tensor): Tensor => sqrt(sum(square(x)));
    const length = div(
      affine(norm(d.detach()), step, step),
      maximum(norm(v), full(device, [], 1e-30)),
    );
    const far = mul(v, length);
    return { up: add(d.detach(), far), down: sub(d.detach(), far), width: affine(length, 2) };
  });
  const at = (where: Tensor): Tensor => {
    const loss = crossEntropy(model.forward(add(batch.images, where)), batch.labels);
    return affine(loss, -1);
  };
  // The penalty does not depend on the weights.
  return sub(outer, affine(div(sub(at(up), at(down)), width), innerLr));
}

/** d-shaped values as `flatValues` lays them out. */
function flat(perturbation: Perturbation, x: Tensor): Tensor {
  const all = zeros(x.device, flatValues(perturbation).shape);
  x.device.run("copy", { src: x.slice, dst: { ...all.slice, length: x.size } });
  return all;
}

function unflat(all: Tensor, like: Tensor): Tensor {
  return new Tensor(all.device, { ...all.slice, length: like.size }, like.shape);
}
