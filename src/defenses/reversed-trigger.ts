import type { ImageShape, Labelled } from "../data/image-set.js";
import type { Images } from "../data/image-source.js";
import type { Classifier } from "../models/classifier.js";
import { constant } from "../nn/init.js";
import { Module } from "../nn/module.js";
import { imageChannels, Parameter } from "../nn/parameter.js";
import { place, placementOf } from "../nn/place.js";
import { crossEntropy } from "../ops/cross-entropy.js";
import { add, affine, mul, tanh } from "../ops/elementwise.js";
import { sum } from "../ops/reduce.js";
import { Adam } from "../optim/adam.js";
import { constantRate } from "../optim/schedules.js";
import type { Tensor } from "../tensor/tensor.js";
import { fit } from "../training/fit.js";
import type { DefenseHooks } from "./defense.js";
import { accuracyOf } from "./logits.js";
import { PixelScale } from "./pixels.js";
import { repeated } from "./sgd.js";

/** The smallest change of images that was found to lead a model to a class. */
export interface ReversedTrigger {
  readonly target: number;
  /** How much of a pixel is replaced, in [0, 1]: [height, width]. */
  readonly mask: Float32Array;
  /** What by, in [0, 1]: [height, width, channels]. */
  readonly pattern: Float32Array;
  /** Sum of the mask, in pixels. */
  readonly norm: number;
  /** Share of the clean images that it led to the class, over the epoch in which it was kept. */
  readonly success: number;
}

/** What the search goes by. */
export interface Search {
  readonly searchEpochs: number;
  readonly searchLr: number;
  readonly success: number;
  readonly cost: number;
  readonly patience: number;
  readonly batchSize: number;
  readonly seed: number;
}

/** m = tanh(a) / 2 + 1/2 and p = tanh(b) / 2 + 1/2: bounded whatever a and b are. */
export class TriggerModel extends Module {
  readonly mask: Parameter;
  readonly pattern: Parameter;

  constructor({ height, width }: Pick<ImageShape, "height" | "width">) {
    super();
    this.mask = new Parameter([height, width, 1], constant(1));
    this.pattern = new Parameter([height, width, imageChannels], constant(1));
  }

  /** x + m (p - x), p as the network takes it. */
  stamp(x: Tensor, scale: PixelScale): Tensor {
    return scale.replaced(x, bounded(this.mask.value), bounded(this.pattern.value));
  }

  forward(x: Tensor): Tensor {
    return x;
  }

  /** ||m||_1. */
  norm(): Tensor {
    return sum(bounded(this.mask.value));
  }
}

const bounded = (x: Tensor): Tensor => affine(tanh(x), 0.5, 0.5);
const boundedValue = (x: number): number => Math.tanh(x) / 2 + 0.5;

/**
 * The weight of the mask's size in the loss: doubled after `patience` epochs in a row whose success is
 * high enough, divided by 2^1.5 after as many in which it is not.
 */
export class MaskCost {
  #cost: number;
  #run = 0;
  readonly #patience: number;

  constructor(cost: number, patience: number) {
    this.#cost = cost;
    this.#patience = patience;
  }

  get value(): number {
    return this.#cost;
  }

  /** Takes an epoch's outcome. */
  update(enough: boolean): void {
    const way = enough ? 1 : -1;
    this.#run = Math.sign(this.#run) === way ? this.#run + way : way;
    if (Math.abs(this.#run) < this.#patience) return;
    this.#cost *= enough ? 2 : 2 ** -1.5;
    this.#run = 0;
  }
}

/**
 * Searches the smallest mask m and pattern p with which all clean images go to a class, by Adam on
 *
 *     CE(f((1 - m) x + m p), target) + cost ||m||_1,
 *
 * the model in evaluation mode and its weights out of play. Of the epochs whose success is high enough
 * that with the smallest mask counts, else the last.
 */
export async function reverseTrigger(
  model: Classifier,
  clean: Images,
  target: number,
  options: Search,
  hooks: DefenseHooks = {},
): Promise<ReversedTrigger> {
  const { device } = placementOf(model);
  const { searchEpochs: epochs, searchLr: lr, batchSize, seed } = options;
  const trigger = new TriggerModel(clean);
  const placement = place(trigger, device, { seed });
  const optimizer = new Adam(trigger, { lr, betas: [0.5, 0.9] });
  const cost = new MaskCost(options.cost, options.patience);
  const scale = new PixelScale(device, clean);
  let best: ReversedTrigger | undefined;
  let last: ReversedTrigger | undefined;
  let successes: number[] = [];
  try {
    await fit(trigger, clean, optimizer, {
      ...repeated(hooks),
      ...{ epochs, batchSize, seed, schedule: constantRate(lr) },
      objective: ({ images, labels }, { input, report }) => {
        const count = labels.size;
        const wanted = input("target", [count], () => new Uint32Array(count).fill(target), "u32");
        const weight = input("cost", [], () => [cost.value]);
        const logits = model.forward(trigger.stamp(images, scale));
        report("success", accuracyOf(logits, wanted));
        const loss = crossEntropy(logits, wanted);
        report("loss", loss);
        return add(loss, mul(weight, trigger.norm()));
      },
      onStep: (progress) => {
        successes.push(progress.reports.success ?? 0);
        hooks.onPart?.(progress);
      },
      onEpoch: async () => {
        const success = successes.reduce((all, one) => all + one, 0) / successes.length;
        successes = [];
        last = await read(trigger, clean, target, success);
        const enough = success >= options.success;
        if (enough && !(best && best.norm <= last.norm)) best = last;
        cost.update(enough);
      },
    });
  } finally {
    optimizer.release();
    placement.release();
    scale.release();
  }
  const found = best ?? last;
  if (!found) throw new RangeError("reverseTrigger: searchEpochs must be at least 1");
  return found;
}

async function read(
  trigger: TriggerModel,
  { height, width, channels }: Labelled,
  target: number,
  success: number,
): Promise<ReversedTrigger> {
  const [a, b] = await Promise.all([trigger.mask.value.read(), trigger.pattern.value.read()]);
  const mask = a.map(boundedValue);
  const pattern = new Float32Array(height * width * channels);
  for (let p = 0; p < height * width; p++) {
    for (let c = 0; c < channels; c++) {
      pattern[p * channels + c] = boundedValue(b[p * imageChannels + c] ?? 0);
    }
  }
  return { target, mask, pattern, norm: mask.reduce((all, m) => all + m, 0), success };
}

/** An image's bytes with a trigger on them. */
export function stamped(image: Uint8Array, { mask, pattern }: ReversedTrigger): Uint8Array {
  const channels = image.length / mask.length;
  return image.map((byte, i) => {
    const m = mask[Math.floor(i / channels)] ?? 0;
    return Math.round(byte + m * (255 * (pattern[i] ?? 0) - byte));
  });
}

/**
 * How far each class's norm lies below the median, in units of 1.4826 times the median absolute
 * deviation (a normal law's standard deviation): above 2 is an outlier (Wang et al., section IV-C).
 * Norms above the median get negative numbers; where all deviations are zero, so are the indices.
 */
export function anomalyIndices(norms: readonly number[]): number[] {
  const middle = median(norms);
  const deviation = 1.4826 * median(norms.map((n) => Math.abs(n - middle)));
  return norms.map((n) => (n === middle ? 0 : (middle - n) / Math.max(deviation, 1e-12)));
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (i: number): number => sorted[i] ?? 0;
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? at(half) : (at(half - 1) + at(half)) / 2;
}
