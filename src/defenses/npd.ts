import { gradients, noGrad } from "../autograd/tape.js";
import { ShapeError } from "../device/errors.js";
import type { Classifier } from "../models/classifier.js";
import { features } from "../nn/features.js";
import { Conv2d } from "../nn/layers.js";
import { Module } from "../nn/module.js";
import { Parameter } from "../nn/parameter.js";
import { place, placementOf } from "../nn/place.js";
import { conv2d } from "../ops/conv2d.js";
import { crossEntropy } from "../ops/cross-entropy.js";
import {
  add,
  affine,
  div,
  lessEqual,
  log,
  minimum,
  mul,
  sign,
  sqrt,
  square,
  sub,
} from "../ops/elementwise.js";
import { oneHot } from "../ops/gather.js";
import { argmax, mean, sum } from "../ops/reduce.js";
import { softmax } from "../ops/softmax.js";
import { constantRate } from "../optim/schedules.js";
import { SGD } from "../optim/sgd.js";
import { integer, number, text } from "../schema/index.js";
import { empty, full, zeros } from "../tensor/create.js";
import type { Tensor } from "../tensor/tensor.js";
import type { ImageBatch } from "../training/feed.js";
import { fit } from "../training/fit.js";
import { pausable } from "../training/pause.js";
import { defineDefense } from "./defense.js";
import { accuracyOf } from "./logits.js";
import { PixelScale } from "./pixels.js";
import { sgdFields } from "./sgd.js";
import { trainOnly } from "./trainable.js";

const { epochs, momentum, weightDecay, batchSize, dropLast, seed } = sgdFields({
  epochs: 30,
  weightDecay: 5e-4,
});

/** The change of images toward another class. */
export interface TargetedAttack {
  readonly ascents: number;
  readonly step: number;
  readonly radius: number;
}

/**
 * Neural polarizer: a 1x1 convolution A, the identity at first, before a convolution near the end is
 * the only thing that is trained. Each step moves its images by signed gradient steps, within an L2
 * ball, toward k, the likeliest class but their own, and lowers
 *
 *     CE(x, y) + weight (CE(x', c) - mean ln(1 - p_r(x')) - mean ln(1 - p_k(x'))),
 *
 * x' the images moved, c the class that x got, r the likeliest wrong class of x'. The model is in
 * evaluation mode. Of the layers that the authors tried this is the one without batch norm: in the
 * end A is multiplied into the convolution behind it, so that the network keeps its form and a saved
 * model is the purified one.
 */
export const neuralPolarizer = defineDefense({
  name: "npd",
  title: "NPD",
  doc: "trains a linear filter of features near the end against adversarial examples",
  source: "Zhu et al., Neural Polarizer, 2023, arXiv 2306.16697",
  options: {
    epochs,
    lr: number({ above: 0, default: 0.01, doc: "rate of the filter", placeholder: "rate" }),
    momentum,
    weightDecay,
    layer: text({
      optional: true,
      doc: "the convolution to filter the input of (default: the last but one)",
      placeholder: "path",
    }),
    weight: number({ min: 0, default: 0.4, doc: "weight of each loss of the images moved" }),
    radius: number({
      above: 0,
      default: 3,
      doc: "largest L2 norm of a change of pixels in [0, 1]",
    }),
    step: number({ above: 0, default: 0.1, doc: "step of a pixel's change" }),
    ascents: integer({ min: 1, default: 2, doc: "steps of the change at most" }),
    batchSize,
    dropLast,
    seed,
  },
  epochs: ({ epochs }) => epochs,
  // The weight gradients of one layer near the end count for nothing.
  passes: ({ epochs, ascents }) => epochs * (1 + ascents),
  async run(model, clean, options, hooks) {
    const { epochs, lr, momentum, weightDecay, batchSize, dropLast, seed } = options;
    const { device } = placementOf(model);
    const [path, conv] = filtered(model, options.layer);
    const filter = new Polarizer(model, path, conv.inChannels);
    const placement = place(filter, device, { seed });
    const scale = new PixelScale(device, clean);
    const thaw = trainOnly(model, () => false);
    const optimizer = new SGD(filter, { lr, momentum, weightDecay });
    // The model stays as it is until the filter is multiplied into it.
    const { onEpoch: _, ...others } = hooks;
    model.eval();
    try {
      await fit(filter, clean, optimizer, {
        ...pausable(filter, optimizer, others),
        ...{ epochs, batchSize, dropLast, seed, schedule: constantRate(lr) },
        objective: (batch, { report }) => {
          const { loss, clean } = polarizerLoss(filter, batch, scale, options);
          report("loss", clean);
          return loss;
        },
      });
      await filter.multiplyInto(conv);
    } finally {
      thaw();
      model.eval();
      optimizer.release();
      placement.release();
      scale.release();
    }
  },
});

/** A model with a filter before one of its convolutions. */
export class Polarizer extends Module {
  readonly weight: Parameter;
  readonly #model: Classifier;
  readonly #place: string;

  constructor(model: Classifier, path: string, channels: number) {
    super();
    this.#model = model;
    this.#place = `${path}:input`;
    const identity = (): Float32Array =>
      Float32Array.from({ length: channels * channels }, (_, i) =>
        i % (channels + 1) === 0 ? 1 : 0,
      );
    this.weight = new Parameter([channels, channels, 1, 1], identity, "conv");
  }

  /** The model's logits, through the filter. */
  forward(x: Tensor): Tensor {
    const edit = { [this.#place]: (y: Tensor) => conv2d(y, this.weight.value) };
    return features(this.#model, x, [], { edit }).output;
  }

  /** W'[o, i] = sum_j W[o, j] A[j, i] at each place of the window: W' x = W (A x), padding included. */
  async multiplyInto(conv: Conv2d): Promise<void> {
    const [o = 0, c = 0, kh = 0, kw = 0] = conv.weight.shape;
    const a = this.weight.toHost(await this.weight.value.read());
    const w = conv.weight.toHost(await conv.weight.value.read());
    const out = new Float32Array(w.length);
    const window = kh * kw;
    for (let k = 0; k < o; k++) {
      for (let p = 0; p < window; p++) {
        for (let i = 0; i < c; i++) {
          let all = 0;
          for (let j = 0; j < c; j++) {
            all += (w[(k * c + j) * window + p] ?? 0) * (a[j * c + i] ?? 0);
          }
          out[(k * c + i) * window + p] = all;
        }
      }
    }
    conv.weight.value.write(conv.weight.toDevice(out));
  }
}

/** The convolution whose input is filtered. */
function filtered(model: Classifier, layer: string | undefined): [string, Conv2d] {
  const convs = model
    .modules()
    .filter(
      (entry): entry is [string, Conv2d] => entry[1] instanceof Conv2d && !entry[1].takesImages,
    );
  const found = layer === undefined ? convs.at(-2) : convs.find(([path]) => path === layer);
  if (found) return found;
  throw new ShapeError(
    `defense npd: the model has no convolution ${layer ?? "but one before its last"}; choose layer ` +
      `among ${convs.map(([path]) => path).join(", ") || "none"}`,
  );
}

/** The loss of a step, and the part of it that is the clean cross-entropy. */
export function polarizerLoss(
  filter: Polarizer,
  { images, labels }: ImageBatch,
  scale: PixelScale,
  options: TargetedAttack & { readonly weight: number },
): { loss: Tensor; clean: Tensor } {
  const own = filter.forward(images);
  const given = argmax(own.detach(), [1]);
  const wanted = likeliestBut(own, labels);
  const moved = movedToward(filter, images, wanted, scale, options);
  const clean = crossEntropy(own, labels);
  const logits = filter.forward(moved);
  const p = softmax(logits);
  const away = (from: Tensor): Tensor => {
    const share = sum(mul(p, oneHot(from, p.shape[1] ?? 1)), [1]);
    return affine(mean(log(affine(share, -1, 1.0001))), -1);
  };
  const terms = [crossEntropy(logits, given), away(likeliestBut(logits, labels)), away(wanted)];
  const loss = terms.reduce((all, term) => add(all, affine(term, options.weight)), clean);
  return { loss, clean };
}

/** The likeliest class of each row that is not its label. */
function likeliestBut(logits: Tensor, labels: Tensor): Tensor {
  const given = logits.detach();
  return argmax(sub(given, oneHot(labels, given.shape[1] ?? 1, 1e4)), [1]);
}

/**
 * Images moved toward classes by sign(gradient) steps from none, each image's change within the L2 ball
 * and its pixels within [0, 1]; no step more once 60% of them are there.
 */
export function movedToward(
  filter: Polarizer,
  images: Tensor,
  wanted: Tensor,
  scale: PixelScale,
  { ascents, step, radius }: TargetedAttack,
): Tensor {
  const { device } = images;
  const change = zeros(device, images.shape);
  const open = full(device, [], step);
  for (let k = 0; k < ascents; k++) {
    using _ = device.scope();
    const d = noGrad(() => affine(change, 1)).withGrad();
    const loss = crossEntropy(filter.forward(scale.changed(images, d)), wanted);
    const [g] = gradients(loss, [d]) as [Tensor];
    noGrad(() => {
      const next = within(sub(d.detach(), mul(sign(g), open)), radius);
      device.run("copy", { src: next.slice, dst: change.slice });
      if (k + 1 === ascents) return;
      const there = accuracyOf(filter.forward(scale.changed(images, next)), wanted);
      const still = mul(open, lessEqual(there, full(device, [], 0.6)));
      device.run("copy", { src: still.slice, dst: open.slice });
    });
  }
  const out = empty(device, images.shape, "f32", "images moved");
  using _ = device.scope();
  const moved = noGrad(() => scale.changed(images, change));
  device.run("copy", { src: moved.slice, dst: out.slice });
  return out;
}

/** Each image's change scaled down to an L2 norm, where it is larger. */
function within(change: Tensor, radius: number): Tensor {
  const squares = sum(square(change), [1, 2, 3], { keepDims: true });
  const one = full(change.device, [], 1);
  const bound = full(change.device, [], radius);
  return mul(change, minimum(div(bound, sqrt(affine(squares, 1, 1e-24))), one));
}
