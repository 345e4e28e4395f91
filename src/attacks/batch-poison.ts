import { imageBytes, type Labelled } from "../data/image-set.js";
import type { Batch } from "../data/loader.js";
import { Philox } from "../tensor/random.js";
import type { Moment } from "../training/feed.js";

/** Where in a batch poisoned images are, and others that an attack changes and leaves their label. */
export interface BatchPart {
  readonly poisoned: Uint32Array;
  readonly others: Uint32Array;
}

/**
 * Draws the images of a batch that an attack in the loop touches: rate * count of them, where what is
 * left of a whole number is taken with that probability (a batch of 128 at 0.5% has one in 64 of 100
 * steps), and then `others` by what `othersOf` says. Another draw in every step, the same when a run
 * is resumed.
 */
export function drawBatch(
  name: string,
  batch: Pick<Batch, "count">,
  rate: number,
  othersOf: (poisoned: number) => number,
  { epoch, step }: Moment,
  seed: number,
): BatchPart {
  const random = new Philox(seed, epoch, `${name}, step ${step}`);
  const wanted = rate * batch.count;
  const whole = Math.floor(wanted);
  const count = whole + (random.uniform() < wanted - whole ? 1 : 0);
  const order = random.permutation(batch.count);
  const more = Math.min(othersOf(count), batch.count - count);
  return { poisoned: order.slice(0, count), others: order.slice(count, count + more) };
}

/** The bytes of a batch's image, to read and to change in place. */
export function imageIn(batch: Batch, set: Labelled, at: number): Uint8Array {
  const bytes = imageBytes(set);
  return batch.images.subarray(at * bytes, (at + 1) * bytes);
}
