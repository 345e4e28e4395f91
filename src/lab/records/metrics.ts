import { integer, nullable, number, object, type ValueOf } from "../../schema/index.js";

export const shareField = number({ min: 0, max: 1 });
const imagesField = integer({ min: 1 });

const backdoorSchema = object({
  /** ASR: triggered test images of the other classes given the target class. */
  attackSuccess: shareField,
  /** RA: triggered test images of the other classes given their own class. */
  robustAccuracy: shareField,
  triggeredImages: imagesField,
});
export type BackdoorExamination = ValueOf<typeof backdoorSchema>;

/** What the examiner finds out about a model. Shares of 1. */
export const examinationSchema = object({
  /** C-ACC: clean test images given their own class. */
  cleanAccuracy: shareField,
  cleanImages: imagesField,
  /** What the trigger does; null for a run without an attack. */
  backdoor: nullable(backdoorSchema),
});
export type Examination = ValueOf<typeof examinationSchema>;

/**
 * ASR and RA from the classes a model gave to triggered images, none of which is of the class that
 * its trigger aims at; `labels` are their true classes.
 *
 * @param target the class aimed at: one for all, or by the true class
 * @throws RangeError when an image of its own target class is among them, or there is none
 */
export function backdoorRates(
  predictions: ArrayLike<number>,
  labels: ArrayLike<number>,
  target: number | ((label: number) => number),
): BackdoorExamination {
  const count = labels.length;
  if (count === 0 || predictions.length !== count) {
    throw new RangeError(
      `backdoorRates: ${predictions.length} predictions for ${count} triggered images; both must ` +
        "be equal and above 0",
    );
  }
  let hits = 0;
  let right = 0;
  for (let i = 0; i < count; i++) {
    const label = labels[i] as number;
    const wanted = typeof target === "number" ? target : target(label);
    if (label === wanted) {
      throw new RangeError(
        `backdoorRates: image ${i} is of the target class ${wanted}; leave such images out`,
      );
    }
    if (predictions[i] === wanted) hits++;
    if (predictions[i] === labels[i]) right++;
  }
  return {
    attackSuccess: hits / count,
    robustAccuracy: right / count,
    triggeredImages: count,
  };
}

/**
 * Defense effectiveness rating (Zhu et al. 2023): (max(0, fall of ASR) - max(0, fall of C-ACC) + 1)
 * / 2; 0.5 for a defense that changes nothing, 1 for a perfect one. Null without an attack.
 */
export function defenseEffectiveness(before: Examination, after: Examination): number | null {
  if (!before.backdoor || !after.backdoor) return null;
  const success = Math.max(0, before.backdoor.attackSuccess - after.backdoor.attackSuccess);
  const accuracy = Math.max(0, before.cleanAccuracy - after.cleanAccuracy);
  return (success - accuracy + 1) / 2;
}
