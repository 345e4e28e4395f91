import { imageBytes } from "../data/image-set.js";
import { type Images, readImages } from "../data/image-source.js";
import { BatchLoader } from "../data/loader.js";
import { checkOptions, type OptionTable } from "../device/options.js";
import { pending } from "../device/pending.js";
import type { Classifier } from "../models/classifier.js";
import { FoldedNorms } from "../nn/folding.js";
import { placementOf } from "../nn/place.js";
import { BatchInput, noAugmentation } from "./batch-input.js";
import { type Finding, findInOutputs, NonFiniteError } from "./finite.js";
import { checkModelData } from "./model-data.js";

export interface PredictOptions {
  batchSize?: number;
  /** Called after every batch with the images done so far. */
  onProgress?: (done: number, all: number) => void;
  signal?: AbortSignal;
}

const predictOptions: OptionTable<PredictOptions> = {
  batchSize: "number",
  onProgress: "checked",
  signal: "checked",
};

/**
 * The class a model gives each image of a set, in evaluation mode, without augmentation. Every
 * module's mode is afterwards what it was before.
 *
 * @throws NonFiniteError when the model's output for an image is NaN or infinite
 * @throws ModelDataError when model and images do not belong together, or there are none
 */
export async function predict(
  model: Classifier,
  set: Images,
  options: PredictOptions = {},
): Promise<Uint32Array> {
  checkOptions("predict", options, predictOptions);
  checkModelData("predict", model, set);
  const restoreModes = model.saveModes();
  model.eval();
  try {
    const found = await classifyAll(model, set, options);
    if (found.spoilt === null) return found.classes;
    throw await notFinite(model, set, found.spoilt);
  } finally {
    restoreModes();
  }
}

/** `spoilt` is the first image for which a logit is not finite; what follows is not classified then. */
async function classifyAll(
  model: Classifier,
  set: Images,
  { batchSize = 256, onProgress, signal }: PredictOptions,
): Promise<{ classes: Uint32Array; spoilt: number | null }> {
  const count = set.labels.length;
  const classes = new Uint32Array(count);
  const { device } = placementOf(model);
  const inputs = new Map<number, BatchInput>();
  using folded = new FoldedNorms();
  let spoilt: number | null = null;
  let before: Promise<void> = Promise.resolve();
  try {
    const loader = new BatchLoader(set, { batchSize, seed: 0, shuffle: false });
    let first = 0;
    for await (const batch of loader.epoch(0)) {
      signal?.throwIfAborted();
      if (spoilt !== null) break;
      const input = inputs.get(batch.count) ?? new BatchInput(device, set, batch.count);
      inputs.set(batch.count, input);
      input.write(batch, firstMoment);
      const at = first;
      first += batch.count;
      const done = first;
      const found = logitsOf(model, folded, input).then((logits) => {
        const row = takeClasses(logits, classes.subarray(at, done));
        if (row !== null) spoilt ??= at + row;
        else onProgress?.(done, count);
      });
      const known = pending(found);
      const previous = before;
      before = known;
      await previous;
    }
    await before;
  } finally {
    await before.catch(() => {}); // its memory is in use until then; the first error is thrown
    for (const input of inputs.values()) input.release();
  }
  return { classes, spoilt };
}

const firstMoment = { seed: 0, epoch: 0, step: 0 };

function logitsOf(
  model: Classifier,
  folded: FoldedNorms,
  input: BatchInput,
): Promise<Float32Array> {
  using _ = placementOf(model).device.scope();
  const logits = folded.run(() => model.forward(input.images(noAugmentation)));
  return logits.read();
}

/**
 * The index of each row's largest logit, the lowest on a tie; here and not on the device, because
 * every logit is looked at anyway. The first row that is not finite, or null.
 */
function takeClasses(logits: Float32Array, classes: Uint32Array): number | null {
  const width = logits.length / classes.length;
  for (let row = 0; row < classes.length; row++) {
    const from = row * width;
    let best = from;
    for (let i = from; i < from + width; i++) {
      const value = logits[i] ?? Number.NaN;
      if (!Number.isFinite(value)) return row;
      if (value > (logits[best] ?? 0)) best = i;
    }
    classes[row] = best - from;
  }
  return null;
}

async function notFinite(model: Classifier, set: Images, image: number): Promise<NonFiniteError> {
  const input = new BatchInput(placementOf(model).device, set, 1);
  try {
    const images = new Uint8Array(Math.ceil(imageBytes(set) / 4) * 4);
    await readImages(set, Uint32Array.of(image), images);
    input.write({ images, labels: Uint32Array.of(0) }, firstMoment);
    const { layer, detail } = await findIn(model, input);
    return new NonFiniteError(
      `predict: what the model gives for image ${image} of ${set.name} is not finite: ${detail}. ` +
        "Such a model cannot be measured: its training diverged or its file is damaged",
      layer,
    );
  } finally {
    input.release();
  }
}

function findIn(model: Classifier, input: BatchInput): Promise<Finding> {
  using _ = placementOf(model).device.scope();
  return findInOutputs(model, input.images(noAugmentation));
}

/**
 * Share of predictions that equal the labels.
 *
 * @throws RangeError when there are none, or not as many of both
 */
export function accuracy(predictions: ArrayLike<number>, labels: ArrayLike<number>): number {
  if (labels.length === 0 || predictions.length !== labels.length) {
    throw new RangeError(
      `accuracy: ${predictions.length} predictions for ${labels.length} labels; both must be equal ` +
        "and above 0",
    );
  }
  let right = 0;
  for (let i = 0; i < labels.length; i++) if (predictions[i] === labels[i]) right++;
  return right / labels.length;
}
