import { Philox } from "../tensor/random.js";
import { classCounts, type ImageSet, type Labelled } from "./image-set.js";
import { type Images, subset } from "./image-source.js";

export type SplitScheme = "held-out-balanced" | "overlapping-random";

export interface TuningSplitOptions {
  /** Share of the training set that the defender gets, in (0, 1); the FST paper uses 0.02. */
  fraction: number;
  seed: number;
  scheme?: SplitScheme;
}

export interface TuningSplit<S extends Images = ImageSet> {
  /** What the victim is trained on. */
  readonly train: S;
  /** The defender's clean set. */
  readonly tuning: S;
  /** Positions in the given set, ascending. */
  readonly trainIndices: Uint32Array;
  readonly tuningIndices: Uint32Array;
}

/**
 * Draws the defender's clean tuning set from a training set.
 *
 * - `held-out-balanced` (default): floor(floor(N / classes) * fraction) images of each class, drawn
 *   at random and removed from the training set (2% of CIFAR-10: 100 a class, 49,000 remain). The
 *   quota is that of the FST authors' 2023 code, which took the first images of each class instead.
 * - `overlapping-random`: round(fraction * N) images of any class; the training set keeps them all,
 *   as in the authors' code since October 2024.
 *
 * @throws RangeError when the fraction gives no image, or would empty a class
 */
export function tuningSplit<S extends Images>(set: S, options: TuningSplitOptions): TuningSplit<S> {
  const { fraction, seed, scheme = "held-out-balanced" } = options;
  if (!(fraction > 0 && fraction < 1)) {
    throw new RangeError(`tuningSplit: fraction must lie between 0 and 1, got ${fraction}`);
  }
  const count = set.labels.length;
  const order = new Philox(seed, 0, "tuning-split").permutation(count);
  if (scheme === "overlapping-random") {
    const picked = Math.round(fraction * count);
    if (picked === 0) throw tooSmall(set, fraction, `it takes at least ${1 / (2 * count)}`);
    const tuningIndices = order.slice(0, picked).sort();
    const trainIndices = Uint32Array.from({ length: count }, (_, i) => i);
    return { train: set, tuning: subset(set, tuningIndices), trainIndices, tuningIndices };
  }
  const aClass = Math.floor(count / set.classes.length);
  const quota = Math.floor(aClass * fraction);
  if (quota === 0) {
    throw tooSmall(set, fraction, `of ${aClass} a class it takes at least ${1 / aClass}`);
  }
  for (const [label, size] of classCounts(set).entries()) {
    if (size <= quota) {
      throw new RangeError(
        `tuningSplit: ${quota} images a class are asked for (fraction ${fraction}), but class ` +
          `${set.classes[label]} of ${set.name} has ${size}; lower the fraction`,
      );
    }
  }
  const taken = new Uint32Array(set.classes.length);
  const held = new Uint8Array(count);
  for (const index of order) {
    const label = set.labels[index] ?? 0;
    if ((taken[label] ?? 0) === quota) continue;
    taken[label] = (taken[label] ?? 0) + 1;
    held[index] = 1;
  }
  const positions = (value: number) =>
    Uint32Array.from({ length: count }, (_, i) => i).filter((i) => held[i] === value);
  const [trainIndices, tuningIndices] = [positions(0), positions(1)];
  return {
    train: subset(set, trainIndices),
    tuning: subset(set, tuningIndices),
    trainIndices,
    tuningIndices,
  };
}

function tooSmall(set: Labelled, fraction: number, remedy: string): RangeError {
  return new RangeError(
    `tuningSplit: fraction ${fraction} of ${set.labels.length} images of ${set.name} gives none; ` +
      remedy,
  );
}
