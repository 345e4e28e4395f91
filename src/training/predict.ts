import type { Images } from "../data/image-source.js";
import { BatchLoader } from "../data/loader.js";
import type { Classifier } from "../models/classifier.js";
import { FoldedNorms } from "../nn/folding.js";
import { placementOf } from "../nn/place.js";
import { argmax } from "../ops/reduce.js";
import { BatchInput, noAugmentation } from "./batch-input.js";

export interface PredictOptions {
  batchSize?: number;
  /** Called after every batch with the images done so far. */
  onProgress?: (done: number, all: number) => void;
  signal?: AbortSignal;
}

/**
 * The class a model gives each image of a set, in evaluation mode, without augmentation. Every
 * module's mode is afterwards what it was before.
 */
export async function predict(
  model: Classifier,
  set: Images,
  options: PredictOptions = {},
): Promise<Uint32Array> {
  const count = set.labels.length;
  const out = new Uint32Array(count);
  if (count === 0) return out;
  const { device } = placementOf(model);
  const { batchSize = 256 } = options;
  const restoreModes = model.saveModes();
  const inputs = new Map<number, BatchInput>();
  using folded = new FoldedNorms();
  model.eval();
  let before: Promise<void> = Promise.resolve();
  try {
    const loader = new BatchLoader(set, { batchSize, seed: 0, shuffle: false });
    let first = 0;
    for await (const batch of loader.epoch(0)) {
      options.signal?.throwIfAborted();
      const input = inputs.get(batch.count) ?? new BatchInput(device, set, batch.count);
      inputs.set(batch.count, input);
      input.write(batch, { seed: 0, epoch: 0, step: 0 });
      const at = first;
      first += batch.count;
      const done = first;
      const classes = classify(model, folded, input).then((found) => {
        out.set(found, at);
        options.onProgress?.(done, count);
      });
      classes.catch(() => {}); // the next batch may be read meanwhile
      const previous = before;
      before = classes;
      await previous;
    }
    await before;
  } finally {
    await before.catch(() => {}); // its memory is in use until then; the first error is thrown
    restoreModes();
    for (const input of inputs.values()) input.release();
  }
  return out;
}

function classify(model: Classifier, folded: FoldedNorms, input: BatchInput): Promise<Uint32Array> {
  using _ = placementOf(model).device.scope();
  const classes = folded.run(() => argmax(model.forward(input.images(noAugmentation)), [1]));
  return classes.readIntegers();
}

/** Share of predictions that equal the labels. */
export function accuracy(predictions: ArrayLike<number>, labels: ArrayLike<number>): number {
  let right = 0;
  for (let i = 0; i < labels.length; i++) if (predictions[i] === labels[i]) right++;
  return labels.length === 0 ? Number.NaN : right / labels.length;
}
