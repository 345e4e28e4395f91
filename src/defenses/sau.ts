import { gradients, noGrad } from "../autograd/tape.js";
import type { Classifier } from "../models/classifier.js";
import { placementOf } from "../nn/place.js";
import { crossEntropy } from "../ops/cross-entropy.js";
import { add, affine, clamp, log, maximum, minimum, mul, sign, sub } from "../ops/elementwise.js";
import { oneHot } from "../ops/gather.js";
import { sum } from "../ops/reduce.js";
import { softmax } from "../ops/softmax.js";
import { Adam } from "../optim/adam.js";
import { constantRate } from "../optim/schedules.js";
import { integer, number } from "../schema/index.js";
import { empty, full } from "../tensor/create.js";
import type { Tensor } from "../tensor/tensor.js";
import type { ImageBatch } from "../training/feed.js";
import { fit } from "../training/fit.js";
import { pausable } from "../training/pause.js";
import { defineDefense } from "./defense.js";
import { predicted } from "./logits.js";
import { PixelScale } from "./pixels.js";
import { sgdFields } from "./sgd.js";
import { Snapshot } from "./snapshot.js";

const { seed, dropLast, augmentation } = sgdFields();

/** What the search for shared adversarial examples goes by. */
export interface SharedAttack {
  /** Largest change of a pixel in [0, 1]. */
  readonly eps: number;
  readonly step: number;
  readonly ascents: number;
  /** Weights of fooling both models, and of fooling them alike. */
  readonly adversarial: number;
  readonly shared: number;
}

/**
 * Shared adversarial unlearning: an adversarial example that fools the model f and the backdoored one f0
 * alike is likely to use the backdoor. Each step finds such changes d of its images, |d| <= eps, from
 * d = eps by signed gradient steps down
 *
 *     adversarial L_adv + shared L_share,
 *     L_adv = -1/2 mean (CE(f) where f is not yet fooled + CE(f0) where f0 is not),
 *     L_share = mean JS(softmax f, softmax f0) where they are not yet fooled alike,
 *
 * and then lowers CE(f(x), y) - mean ln(1 - p_k) over the images on which d fools f0, k being the class
 * that f0 gives them and p_k f's probability of it. The reference f0 is the model as it was received.
 * Both are in evaluation mode.
 */
export const sharedUnlearning = defineDefense({
  name: "sau",
  title: "SAU",
  doc: "unlearns adversarial examples that fool it as they fool the model as received",
  source: "Wei et al., Shared Adversarial Unlearning, 2023, arXiv 2307.10562",
  options: {
    epochs: integer({ min: 1, default: 10, doc: "passes over the clean images" }),
    lr: number({ above: 0, default: 3e-4, doc: "Adam's rate", placeholder: "rate" }),
    eps: number({ above: 0, max: 1, default: 0.2, doc: "largest change of a pixel in [0, 1]" }),
    step: number({ above: 0, default: 0.2, doc: "step of a pixel's change" }),
    ascents: integer({ min: 1, default: 5, doc: "steps of the change" }),
    adversarial: number({ min: 0, default: 0.01, doc: "weight of fooling both models" }),
    shared: number({ min: 0, default: 1, doc: "weight of fooling them alike" }),
    unlearning: number({ min: 0, default: 1, doc: "weight of unlearning beside the clean loss" }),
    batchSize: integer({ min: 1, default: 64, doc: "images a step" }),
    dropLast,
    seed,
    augmentation,
  },
  epochs: ({ epochs }) => epochs,
  // What both models give clean images; two models an ascent; clean, changed, f0 on the changed.
  passes: ({ epochs, ascents }) => epochs * (2 / 3 + (4 / 3) * ascents + 2 + 1 / 3),
  async run(model, clean, options, hooks) {
    const { epochs, lr, batchSize, dropLast, seed, augmentation } = options;
    const { device } = placementOf(model);
    const reference = new Snapshot(model);
    const optimizer = new Adam(model, { lr });
    const scale = new PixelScale(device, clean);
    model.eval();
    try {
      await fit(model, clean, optimizer, {
        ...pausable(model, optimizer, hooks),
        ...{ epochs, batchSize, dropLast, seed, augmentation, schedule: constantRate(lr) },
        objective: (batch, { report }) => {
          const change = sharedChange(model, reference, batch, scale, options);
          const own = model.forward(batch.images);
          const moved = add(batch.images, change);
          const changed = model.forward(moved);
          const loss = crossEntropy(own, batch.labels);
          report("loss", loss);
          const told = reference.run(() =>
            noGrad(() => [model.forward(batch.images), model.forward(moved)] as const),
          );
          return add(loss, affine(unlearningLoss(changed, told, batch.labels), options.unlearning));
        },
      });
    } finally {
      model.eval();
      optimizer.release();
      reference.release();
      scale.release();
    }
  },
});

/**
 * What to add to a batch's images, as the network takes them. Only the result stays: the search's
 * memory is given back step by step.
 */
export function sharedChange(
  model: Classifier,
  reference: Snapshot,
  batch: ImageBatch,
  { scale }: PixelScale,
  options: SharedAttack,
): Tensor {
  const { images } = batch;
  const { device } = images;
  const { eps, step, ascents } = options;
  const change = full(device, images.shape, eps);
  const both = <T>(body: () => T): readonly [T, T] => [body(), reference.run(body)];
  const clean = noGrad(() => both(() => predicted(model.forward(images))));
  for (let k = 0; k < ascents; k++) {
    using _ = device.scope();
    const d = noGrad(() => affine(change, 1)).withGrad();
    const moved = add(images, mul(d, scale));
    const logits = both(() => model.forward(moved));
    const [g] = gradients(sharingLoss(logits, clean, batch.labels, options), [d]) as [Tensor];
    const next = noGrad(() => clamp(sub(d.detach(), affine(sign(g), step)), -eps, eps));
    device.run("copy", { src: next.slice, dst: change.slice });
  }
  const out = empty(device, images.shape, "f32", "shared adversarial change");
  using _ = device.scope();
  const scaled = noGrad(() => mul(change, scale));
  device.run("copy", { src: scaled.slice, dst: out.slice });
  return out;
}

/**
 * adversarial L_adv + shared L_share.
 *
 * @param logits of f and f0 for changed images, [n, classes]
 * @param clean what they give the images unchanged, one-hot
 */
export function sharingLoss(
  [own, told]: readonly [Tensor, Tensor],
  [cleanOwn, cleanTold]: readonly [Tensor, Tensor],
  labels: Tensor,
  { adversarial, shared }: Pick<SharedAttack, "adversarial" | "shared">,
): Tensor {
  const count = labels.size;
  const [now, toldNow] = [predicted(own), predicted(told)];
  // Per image: 1 where f, where f0 is not fooled, where they are not fooled alike.
  const [kept, toldKept] = [alike(now, cleanOwn), alike(toldNow, cleanTold)];
  const not = (x: Tensor): Tensor => affine(x, -1, 1);
  const apart = not(mul(mul(not(kept), not(toldKept)), alike(now, toldNow)));
  const losses = (logits: Tensor, where: Tensor): Tensor =>
    sum(mul(crossEntropy(logits, labels, { reduction: "none" }), where));
  const fooling = add(losses(own, kept), losses(told, toldKept));
  const sharing = sum(mul(jensenShannon(softmax(own), softmax(told)), apart));
  return add(affine(fooling, -adversarial / 2 / count), affine(sharing, shared / count));
}

/** 1 for rows of the same class, one-hot both. */
const alike = (a: Tensor, b: Tensor): Tensor => sum(mul(a, b), [1]);

/** (KL(p || m) + KL(q || m)) / 2 with m = (p + q) / 2, row by row. */
export function jensenShannon(p: Tensor, q: Tensor): Tensor {
  const [a, b] = [p, q].map((x) => maximum(x, full(x.device, [], 1e-8))) as [Tensor, Tensor];
  const mixed = log(affine(add(a, b), 0.5));
  const towards = (x: Tensor): Tensor => mul(x, sub(log(x), mixed));
  return affine(sum(add(towards(a), towards(b)), [1]), 0.5);
}

/**
 * -1/n sum ln(1 - p_k) over the images whose change fools f0, k the class that it gives them then.
 *
 * @param changed f's logits for changed images
 * @param told f0's logits for the images and the changed ones
 */
export function unlearningLoss(
  changed: Tensor,
  [toldClean, toldChanged]: readonly [Tensor, Tensor],
  labels: Tensor,
): Tensor {
  const count = labels.size;
  const classes = changed.shape[1] ?? 1;
  const { fooled, others } = noGrad(() => {
    const k = predicted(toldChanged);
    const right = sum(mul(k, oneHot(labels, classes)), [1]);
    const same = alike(k, predicted(toldClean));
    const not = (x: Tensor): Tensor => affine(x, -1, 1);
    return { fooled: mul(not(right), not(same)), others: not(k) };
  });
  // Held below 0.999 as in the authors' code: what is unlearned so far has no gradient.
  const rest = minimum(sum(mul(softmax(changed), others), [1]), full(changed.device, [], 0.999));
  return affine(sum(mul(log(affine(rest, 1, 1e-6)), fooled)), -1 / count);
}
