import { classCounts, type ImageSet, type Labelled } from "../data/image-set.js";
import { type Images, replaceImages, subset } from "../data/image-source.js";
import { Philox } from "../tensor/random.js";
import type { Attack } from "./attack.js";

export interface PoisonOptions {
  /** Poisoned images as a share of the WHOLE set, also for clean-label attacks; in (0, 1]. */
  rate: number;
  /** The class that triggered images shall be taken for. */
  target: number;
  seed: number;
}

export interface Poisoned<S extends Images = ImageSet> {
  readonly set: S;
  /** Positions of the poisoned images, ascending. */
  readonly indices: Uint32Array;
  readonly count: number;
}

/**
 * Plants an attack in a training set, by the rules that BackdoorBench and the FST authors share:
 * round(rate * N) images, drawn without replacement, get the trigger. A dirty-label attack draws
 * from all classes, the target among them, and relabels; a clean-label attack draws from the target
 * class and keeps labels.
 * @throws RangeError when the rate poisons nothing, or asks a clean-label attack for more images
 *   than the target class has
 */
export function poison<S extends Images>(
  set: S,
  attack: Attack,
  options: PoisonOptions,
): Poisoned<S> {
  const { rate, target, seed } = options;
  const total = set.labels.length;
  checkTarget(set, target);
  if (!(rate > 0 && rate <= 1)) {
    throw new RangeError(`poison: rate must lie in (0, 1], got ${rate}`);
  }
  const count = Math.round(rate * total);
  if (count === 0) {
    throw new RangeError(
      `poison: rate ${rate} of ${total} images rounds to none; ` +
        `one image takes a rate of ${0.5 / total} or more`,
    );
  }
  const held = classCounts(set)[target] ?? 0;
  if (attack.kind === "clean-label" && count > held) {
    throw new RangeError(
      `poison: ${attack.name} poisons only its target class ${set.classes[target]}, which has ` +
        `${held} of ${total} images; rate ${rate} asks for ${count}, ` +
        `at most ${Math.floor((held / total) * 1e6) / 1e6} is possible`,
    );
  }
  const order = new Philox(seed, 0, "poison").permutation(total);
  const open =
    attack.kind === "clean-label" ? order.filter((i) => set.labels[i] === target) : order;
  const indices = open.slice(0, count).sort();
  const labels = set.labels.slice();
  if (attack.kind === "dirty-label") for (const index of indices) labels[index] = target;
  const trigger = (image: Uint8Array, index: number) => attack.apply(image, index, "train");
  return { set: replaceImages(set, indices, trigger, labels), indices, count };
}

/**
 * The test images that do not belong to the target class, triggered, with their TRUE labels: the
 * attack success rate is the share of them taken for the target, robust accuracy the share taken
 * for what they are.
 * @returns the images and their positions in `set`
 */
export function triggered<S extends Images>(
  set: S,
  attack: Attack,
  target: number,
): { set: S; indices: Uint32Array } {
  checkTarget(set, target);
  const all = Uint32Array.from({ length: set.labels.length }, (_, i) => i);
  const indices = all.filter((i) => set.labels[i] !== target);
  const trigger = (image: Uint8Array, i: number) =>
    attack.apply(image, indices[i] as number, "test");
  const others = subset(set, indices);
  return { set: replaceImages(others, all.slice(0, indices.length), trigger), indices };
}

function checkTarget(set: Labelled, target: number): void {
  if (!Number.isInteger(target) || target < 0 || target >= set.classes.length) {
    throw new RangeError(
      `target ${target} is no class of ${set.name}, which has 0 .. ${set.classes.length - 1}`,
    );
  }
}
