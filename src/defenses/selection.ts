import type { Images } from "../data/image-source.js";
import { tuningSplit } from "../data/split.js";
import type { Classifier } from "../models/classifier.js";
import { number } from "../schema/index.js";
import { accuracy, predict } from "../training/predict.js";
import type { DefenseHooks } from "./defense.js";

/*
 * How strong a defense may be is the defender's choice, by clean images alone: published tables choose
 * by the attack success on the test set, which a defender does not have. The rule, the same in every
 * defense that has a strength: hold out a part of the clean images, which nothing is fitted to, and
 * take the strongest setting whose accuracy on them is at most `drop` below that of the model as it was
 * received.
 */

/** What a defense that chooses its strength can be told. */
export const selectionFields = {
  holdOut: number({
    above: 0,
    below: 1,
    default: 0.2,
    doc: "share of the clean images that is held out to choose the strength by",
    placeholder: "share",
  }),
  drop: number({
    min: 0,
    below: 1,
    default: 0.05,
    doc: "accuracy on the images held out that may be lost",
    placeholder: "share",
  }),
};

export interface Held<S extends Images = Images> {
  /** What the defense may fit to. */
  readonly rest: S;
  /** What it chooses by. */
  readonly held: S;
}

/**
 * Holds out a share of the clean images, of each class as its share.
 *
 * @throws RangeError when the share gives no image
 */
export function holdOut<S extends Images>(clean: S, share: number, seed: number): Held<S> {
  const options = { fraction: share, seed, scheme: "held-out-proportional" } as const;
  const { train, tuning } = tuningSplit(clean, options);
  return { rest: train, held: tuning };
}

/** What choosing among `settings` settings costs, in passes over all clean images. */
export const selectionPasses = (settings: number, { holdOut }: { holdOut: number }): number =>
  ((settings + 1) * holdOut) / 3;

/** What the chosen setting is, and what it does on the images held out. */
export interface Selected<S> {
  /** Null where even the weakest costs too much: the model stays as it was received. */
  readonly setting: S | null;
  readonly accuracy: number;
  /** Of the model as it was received. */
  readonly before: number;
}

/**
 * The strongest setting whose accuracy is at most `drop` below `before`: the rule itself.
 *
 * @param settings from the weakest to the strongest
 * @param measure accuracy on held-out clean images under a setting
 */
export async function strongest<S>(
  settings: readonly S[],
  before: number,
  drop: number,
  measure: (setting: S) => Promise<number>,
): Promise<Selected<S>> {
  for (const setting of [...settings].reverse()) {
    const accuracy = await measure(setting);
    // Accuracies are ratios of integers: half an image's share is no difference.
    if (accuracy >= before - drop - 1e-9) return { setting, accuracy, before };
  }
  return { setting: null, accuracy: before, before };
}

const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;

const inWords = <S>({ setting, accuracy, before }: Selected<S>): string =>
  setting === null
    ? `none chosen: even the weakest costs more of the ${percent(before)} on images held out`
    : `${setting} chosen: ${percent(accuracy)} right of the images held out, ${percent(before)} before`;

/**
 * Applies the strongest setting to the model that the rule allows, or none.
 *
 * @param apply puts a setting in force, from whatever setting was in force before; null for none
 */
export async function applyStrongest<S>(
  model: Classifier,
  held: Images,
  settings: readonly S[],
  drop: number,
  apply: (setting: S | null) => void,
  { signal, onStage }: DefenseHooks = {},
): Promise<Selected<S>> {
  const options = signal ? { signal } : {};
  const measure = async (setting: S | null): Promise<number> => {
    apply(setting);
    return accuracy(await predict(model, held, options), held.labels);
  };
  const found = await strongest(settings, await measure(null), drop, measure);
  apply(found.setting);
  onStage?.(inWords(found));
  return found;
}
