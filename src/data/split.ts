import { checkOptions, type OptionTable } from "../device/options.js";
import { Philox } from "../tensor/random.js";
import { classCounts, type ImageSet, type Labelled } from "./image-set.js";
import { type Images, subset } from "./image-source.js";

export const splitSchemes = [
  "held-out-balanced",
  "held-out-proportional",
  "held-out-random",
  "overlapping-random",
] as const;
export type SplitScheme = (typeof splitSchemes)[number];

export interface TuningSplitOptions {
  /** Share of the training set that the defender gets, in (0, 1); the FST paper uses 0.02. */
  fraction: number;
  seed: number;
  scheme?: SplitScheme;
}

const splitOptions: OptionTable<TuningSplitOptions> = {
  fraction: "checked!",
  seed: "number!",
  scheme: splitSchemes,
};

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
 * Draws the defender's clean tuning set from a training set. What is held out is removed from the
 * training set.
 *
 * - `held-out-balanced` (default): floor(floor(N / classes) * fraction) images of each class (2% of
 *   CIFAR-10: 100 a class, 49,000 remain). The quota is that of the FST authors' 2023 code, which took
 *   the first images of each class instead.
 * - `held-out-proportional`: fraction * N images, of each class as its share, for long-tailed sets; a
 *   class keeps at least one image.
 * - `held-out-random`: round(fraction * N) images of any class.
 * - `overlapping-random`: the same, but the training set keeps them all, as in the authors' code since
 *   October 2024.
 *
 * @throws RangeError when the fraction gives no image, or would empty a class; it says what would do
 */
export function tuningSplit<S extends Images>(set: S, options: TuningSplitOptions): TuningSplit<S> {
  checkOptions("tuningSplit", options, splitOptions);
  const { fraction, seed, scheme = "held-out-balanced" } = options;
  if (!(fraction > 0 && fraction < 1)) {
    throw new RangeError(`tuningSplit: fraction must lie between 0 and 1, got ${fraction}`);
  }
  const count = set.labels.length;
  const order = new Philox(seed, 0, "tuning-split").permutation(count);
  const all = Uint32Array.from({ length: count }, (_, i) => i);
  const tuningIndices = draw(set, order, fraction, scheme).sort();
  const tuning = subset(set, tuningIndices);
  if (scheme === "overlapping-random")
    return { train: set, tuning, trainIndices: all, tuningIndices };
  const held = new Set(tuningIndices);
  const trainIndices = all.filter((i) => !held.has(i));
  return { train: subset(set, trainIndices), tuning, trainIndices, tuningIndices };
}

/** The defender's images, as `order` gives them. */
function draw(
  set: Labelled,
  order: Uint32Array,
  fraction: number,
  scheme: SplitScheme,
): Uint32Array {
  if (scheme === "held-out-random" || scheme === "overlapping-random") {
    return order.slice(0, totalOf(set, fraction));
  }
  const left = scheme === "held-out-balanced" ? equalQuotas(set, fraction) : shares(set, fraction);
  return order.filter((index) => {
    const label = set.labels[index] ?? 0;
    const open = (left[label] ?? 0) > 0;
    if (open) left[label] = (left[label] ?? 0) - 1;
    return open;
  });
}

function totalOf(set: Labelled, fraction: number): number {
  const count = set.labels.length;
  const total = Math.round(fraction * count);
  if (total === 0) throw tooSmall(set, fraction, `it takes at least ${1 / (2 * count)}`);
  return total;
}

const atRandom = 'at random (scheme "held-out-random")';
const uneven = `take them in the classes' proportions (scheme "held-out-proportional") or ${atRandom}`;

function equalQuotas(set: Labelled, fraction: number): number[] {
  const { name, classes } = set;
  const aClass = Math.floor(set.labels.length / classes.length);
  const quota = Math.floor(aClass * fraction);
  if (aClass === 0) {
    throw tooSmall(
      set,
      fraction,
      `there are ${classes.length} classes; take more images, or take them ${atRandom}`,
    );
  }
  if (quota === 0) {
    throw tooSmall(set, fraction, `of ${aClass} a class it takes at least ${1 / aClass}`);
  }
  for (const [label, size] of classCounts(set).entries()) {
    if (size > quota) continue;
    // The quota is below `size` for fractions below size / aClass; a quota of none is no split.
    const lower = size > 1 ? `give a fraction below ${size / aClass}, or ` : "";
    throw new RangeError(
      `tuningSplit: ${quota} images a class are asked for (fraction ${fraction}), but class ` +
        `${classes[label]} of ${name} has ${size === 0 ? "none" : size}; ${lower}${uneven}`,
    );
  }
  return classes.map(() => quota);
}

/** Each class's share of the total, by largest remainders; one image of a class stays. */
function shares(set: Labelled, fraction: number): number[] {
  const sizes = classCounts(set);
  const quotas = sizes.map((size) => Math.max(0, Math.min(Math.floor(size * fraction), size - 1)));
  const wanted = totalOf(set, fraction) - quotas.reduce((sum, quota) => sum + quota, 0);
  const rest = (label: number): number => (sizes[label] ?? 0) * fraction - (quotas[label] ?? 0);
  const open = sizes.flatMap((size, label) => ((quotas[label] ?? 0) < size - 1 ? [label] : []));
  const next = open.sort((a, b) => rest(b) - rest(a) || a - b).slice(0, Math.max(0, wanted));
  for (const label of next) quotas[label] = (quotas[label] ?? 0) + 1;
  if (quotas.some((quota) => quota > 0)) return quotas;
  throw new RangeError(
    `tuningSplit: each class of ${set.name} has one image at most, which it keeps; take them ` +
      atRandom,
  );
}

function tooSmall(set: Labelled, fraction: number, remedy: string): RangeError {
  return new RangeError(
    `tuningSplit: fraction ${fraction} of ${set.labels.length} images of ${set.name} gives none; ` +
      remedy,
  );
}
