import { add, affine, mul, sub } from "../ops/elementwise.js";
import { gather, oneHot } from "../ops/gather.js";
import { reshape } from "../ops/layout.js";
import { Philox } from "../tensor/random.js";
import type { Tensor } from "../tensor/tensor.js";
import type { StepContext } from "../training/context.js";
import type { ImageBatch, Moment } from "../training/feed.js";

/** Images of a batch, some of them mixed with another one of it, and what they show. */
export interface MixedBatch {
  /** [n, h, w, channels]. */
  readonly images: Tensor;
  /** Shares of the classes, [n, classes]; each row adds up to 1. */
  readonly targets: Tensor;
}

interface Mixing {
  readonly partner: Uint32Array;
  /** How much of each pixel is the partner's, [n, h, w]. */
  readonly mask: Float32Array;
  /** How much of each image that is, [n]. */
  readonly share: Float32Array;
}

/**
 * Mixes some images of a batch with others of it: half of those by mixup (Zhang et al. 2018,
 * x := (1 - w) x + w x', w ~ U(0, 1/2)), half by cutmix (Yun et al. 2019: a rectangle with sides from
 * U(1/8, 3/4) of the image's is the other's), labels in the same shares. Another draw in every step,
 * which follows from its moment and the seed.
 *
 * @param share images that are mixed; at 0 none, and no label is changed
 */
export function mixed(
  { images, labels }: ImageBatch,
  { input }: StepContext,
  classes: number,
  share: number,
): MixedBatch {
  const targets = oneHot(labels, classes);
  if (share === 0) return { images, targets };
  const [n = 0, height = 0, width = 0] = images.shape;
  let last: { at: Moment; drawn: Mixing } | undefined;
  const drawn = (at: Moment): Mixing => {
    const same = last && last.at.epoch === at.epoch && last.at.step === at.step;
    if (!last || !same) last = { at, drawn: draw(n, height, width, share, at) };
    return last.drawn;
  };
  const partner = input("mixed with", [n], (at) => drawn(at).partner, "u32");
  const mask = input("mixed where", [n, height, width, 1], (at) => drawn(at).mask);
  const weight = input("mixed how much", [n, 1], (at) => drawn(at).share);
  const other = reshape(gather(images, partner), images.shape);
  return {
    images: add(images, mul(mask, sub(other, images))),
    targets: add(mul(targets, affine(weight, -1, 1)), mul(gather(targets, partner), weight)),
  };
}

function draw(n: number, height: number, width: number, share: number, at: Moment): Mixing {
  const random = new Philox(at.seed, at.epoch, `mixing, step ${at.step}`);
  const mask = new Float32Array(n * height * width);
  const weights = new Float32Array(n);
  const partner = random.permutation(n);
  const side = (extent: number): number =>
    Math.max(1, Math.round(random.uniform(1 / 8, 3 / 4) * extent));
  for (let i = 0; i < n; i++) {
    if (random.uniform() >= share) continue;
    const first = i * height * width;
    if (random.uniform() < 0.5) {
      const w = random.uniform(0, 0.5);
      mask.fill(w, first, first + height * width);
      weights[i] = w;
      continue;
    }
    const [rows, columns] = [side(height), side(width)];
    const top = random.integer(height - rows + 1);
    const left = random.integer(width - columns + 1);
    for (let y = top; y < top + rows; y++) {
      mask.fill(1, first + y * width + left, first + y * width + left + columns);
    }
    weights[i] = (rows * columns) / (height * width);
  }
  return { partner, mask, share: weights };
}
