import { classCounts, type ImageSet, imageBytes, type Labelled } from "../data/image-set.js";
import { type Images, readImages, replaceImages, subset } from "../data/image-source.js";
import { checkOptions, type OptionTable } from "../device/options.js";
import { Philox } from "../tensor/random.js";
import type { Attack, AttackKind, AttackPhase } from "./attack.js";
import { type Goal, type Mapping, mappings, targetsOf } from "./target.js";

export interface PoisonOptions {
  /** Poisoned images as a share of the WHOLE set, also for clean-label attacks; in (0, 1]. */
  rate: number;
  /** The class that triggered images shall be taken for. */
  target: number;
  /** Whether all classes shall be taken for the target (default), or each for the next. */
  mapping?: Mapping;
  seed: number;
}

const poisonOptions: OptionTable<PoisonOptions> = {
  rate: "checked!",
  target: "checked!",
  mapping: mappings,
  seed: "number!",
};

/** Which images of a training set an attack touches; positions are ascending. */
export interface Selection {
  /** They get the trigger and, by a dirty-label attack, the target's label. */
  readonly poisoned: Uint32Array;
  /** They get a trigger and keep their label. */
  readonly cover: Uint32Array;
}

export interface Poisoned<S extends Images = ImageSet> {
  readonly set: S;
  /** Positions of the poisoned images, ascending. */
  readonly indices: Uint32Array;
  readonly count: number;
  /** Positions of the cover images, ascending. */
  readonly cover: Uint32Array;
}

/**
 * Chooses the images that an attack touches, by the rules that BackdoorBench and the FST authors share:
 * round(rate * N) of them are poisoned, drawn without replacement. A dirty-label attack draws from
 * all classes, the target among them; a clean-label attack from the target class. Cover images are
 * the next ones of the same draw.
 *
 * @throws RangeError when the rate poisons nothing, or asks for more images than there are
 */
export function selectPoisoned(
  set: Labelled,
  attack: { readonly name: string; readonly kind: AttackKind; readonly coverRate?: number },
  options: PoisonOptions,
): Selection {
  const { rate, target, seed } = options;
  const total = set.labels.length;
  targetsOf(set, options, attack.kind);
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
  const cleanLabel = attack.kind === "clean-label";
  const held = classCounts(set)[target] ?? 0;
  if (cleanLabel && count > held) {
    throw new RangeError(
      `poison: ${attack.name} poisons only its target class ${set.classes[target]}, which has ` +
        `${held} of ${total} images; rate ${rate} asks for ${count}, ` +
        `at most ${Math.floor((held / total) * 1e6) / 1e6} is possible`,
    );
  }
  const covers = Math.round((attack.coverRate ?? 0) * total);
  if (!cleanLabel && count + covers > total) {
    throw new RangeError(
      `poison: ${attack.name} asks for ${count} poisoned and ${covers} cover images, there are ` +
        `${total}; lower one of the two rates`,
    );
  }
  const order = new Philox(seed, 0, "poison").permutation(total);
  const isOpen = (i: number): boolean => !cleanLabel || set.labels[i] === target;
  const poisoned = order.filter(isOpen).slice(0, count).sort();
  const taken = new Set(poisoned);
  const cover = order.filter((i) => !taken.has(i)).slice(0, covers);
  return { poisoned, cover: cover.sort() };
}

/** Images that a trigger drawn by a network is applied to together. */
const drawnTogether = 500;

/** What replaces images: one after the other when they are read, or drawn together now. */
async function replacements(
  set: Images,
  attack: Attack,
  indices: Uint32Array,
  phase: AttackPhase,
): Promise<(image: Uint8Array, index: number) => Uint8Array> {
  if (attack.byImage) {
    return (image, index) => attack.apply(image, index, phase, set.labels[index]);
  }
  const bytes = imageBytes(set);
  const drawn = new Map<number, Uint8Array>();
  for (let from = 0; from < indices.length; from += drawnTogether) {
    const part = indices.slice(from, from + drawnTogether);
    const images = new Uint8Array(part.length * bytes);
    await readImages(set, part, images);
    const labels = part.map((index) => set.labels[index] ?? 0);
    const copies = await attack.applyAll(images, part, phase, labels);
    part.forEach((index, i) => {
      drawn.set(index, copies.slice(i * bytes, (i + 1) * bytes));
    });
  }
  return (_, index) => drawn.get(index) as Uint8Array;
}

/**
 * Plants an attack in a training set: triggers the images that `selectPoisoned` chooses, and relabels
 * the poisoned ones if the attack is a dirty-label one. Triggers that a network draws are drawn now and
 * held in memory.
 *
 * @throws RangeError as `selectPoisoned`
 */
export async function poison<S extends Images>(
  set: S,
  attack: Attack,
  options: PoisonOptions,
): Promise<Poisoned<S>> {
  checkOptions("poison", options, poisonOptions);
  const { poisoned, cover } = selectPoisoned(set, attack, options);
  const targetOf = targetsOf(set, options, attack.kind);
  const labels = set.labels.slice();
  if (attack.kind === "dirty-label") {
    for (const index of poisoned) labels[index] = targetOf(labels[index] ?? 0);
  }
  let out = set;
  for (const [indices, phase] of [[poisoned, "train"] as const, [cover, "cover"] as const]) {
    if (indices.length === 0) continue;
    const change = await replacements(set, attack, indices, phase);
    out = replaceImages(out, indices, change, labels);
  }
  return { set: out, indices: poisoned, count: poisoned.length, cover };
}

/**
 * The test images that are not of the class that their trigger aims at, triggered, with their TRUE
 * labels: the attack success rate is the share of them taken for that class, robust accuracy the
 * share taken for what they are.
 *
 * @param goal the target of an all-to-one attack, or a goal
 * @returns the images and their positions in `set`
 */
export async function triggered<S extends Images>(
  set: S,
  attack: Attack,
  goal: number | Goal,
): Promise<{ set: S; indices: Uint32Array }> {
  const targetOf = targetsOf(set, typeof goal === "number" ? { target: goal } : goal, attack.kind);
  const all = Uint32Array.from({ length: set.labels.length }, (_, i) => i);
  const indices = all.filter((i) => set.labels[i] !== targetOf(set.labels[i] ?? 0));
  const change = await replacements(set, attack, indices, "test");
  const others = subset(set, indices);
  const trigger = (image: Uint8Array, i: number) => change(image, indices[i] as number);
  return { set: replaceImages(others, all.slice(0, indices.length), trigger), indices };
}
