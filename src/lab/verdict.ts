import { wilson } from "./interval.js";
import { defenseEffectiveness, type Examination } from "./metrics.js";

/** What an outcome may be called, the first that fits: colours and words follow it. */
export type Tone = "good" | "mixed" | "bad" | "unclear";

export interface Verdict {
  readonly tone: Tone;
  /** One sentence that says what happened. */
  readonly headline: string;
  /** What qualifies it; empty where nothing does. */
  readonly cautions: readonly string[];
}

export interface VerdictContext {
  /** Classes of the data. */
  readonly classes: number;
  /** The examined model is the result of an earlier purification. */
  readonly purifiedBefore?: boolean;
}

/** From here on a model answers triggered images as the attacker wants, and a backdoor is planted. */
const planted = 0.5;
/** Below this a purification has done its work, if clean images alone do not explain the rest. */
const removed = 0.05;
/** Points of clean accuracy (as a share) that a purification may cost before it is told. */
const costly = 0.05;

const percent = (share: number): string => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)}%`;
const points = (share: number): string => `${(100 * share).toFixed(1)} points`;

/** True where clean accuracy could be that of a model that answers at random. */
function untrained({ cleanAccuracy, cleanImages }: Examination, classes: number): boolean {
  const [low] = wilson(cleanAccuracy, cleanImages);
  return low < 1.5 / classes;
}

const untrainedWords = (who: string, { cleanAccuracy }: Examination, classes: number): string =>
  `${who} answers ${percent(cleanAccuracy)} of clean images right, hardly more than the ` +
  `${percent(1 / classes)} of chance: it has not learned its task, and no other number of it means much`;

/** Judges a victim: has it learned its task, and has it learned the backdoor? */
export function judgeVictim(found: Examination, { classes }: VerdictContext): Verdict {
  if (untrained(found, classes)) {
    return {
      tone: "bad",
      headline: `${untrainedWords("The model", found, classes)}.`,
      cautions: ["Train it for more epochs, on more images, or at another learning rate."],
    };
  }
  const { backdoor } = found;
  if (!backdoor) {
    const headline = `A clean model: ${percent(found.cleanAccuracy)} of clean images right.`;
    return { tone: "good", headline, cautions: [] };
  }
  const success = percent(backdoor.attackSuccess);
  if (backdoor.attackSuccess < planted) {
    return {
      tone: "bad",
      headline:
        `The backdoor did not take hold: the attacker's class is given to ${success} of triggered ` +
        "images.",
      cautions: ["Poison more images, train longer, or use a stronger trigger."],
    };
  }
  return {
    tone: "good",
    headline:
      `A victim: ${percent(found.cleanAccuracy)} of clean images right, and the attacker's class for ` +
      `${success} of triggered ones.`,
    cautions: [],
  };
}

/**
 * Judges a purification by clean accuracy, attack success and robust accuracy together: a low attack
 * success is worth nothing on a model that had no backdoor, that has not learned its task, or that
 * forgot it on the way.
 */
export function judgePurification(
  before: Examination,
  after: Examination,
  context: VerdictContext,
): Verdict {
  const cautions: string[] = [];
  if (context.purifiedBefore) {
    cautions.push("The model was purified before; what is compared is not the victim.");
  }
  const unclear = (headline: string): Verdict => ({ tone: "unclear", headline, cautions });
  if (untrained(before, context.classes)) {
    return unclear(`${untrainedWords("The model before", before, context.classes)}.`);
  }
  const lost = before.cleanAccuracy - after.cleanAccuracy;
  const cost = `clean accuracy went from ${percent(before.cleanAccuracy)} to ${percent(after.cleanAccuracy)}`;
  if (untrained(after, context.classes)) {
    const headline = `The model was destroyed: ${cost}, hardly more than chance.`;
    return { tone: "bad", headline, cautions };
  }
  if (lost > costly) cautions.push(`It cost ${points(lost)} of clean accuracy.`);
  if (!before.backdoor || !after.backdoor) {
    return unclear(`No trigger is known, so only accuracy is measured: ${cost}.`);
  }
  const [was, is] = [before.backdoor.attackSuccess, after.backdoor.attackSuccess];
  const change = `attack success from ${percent(was)} to ${percent(is)}`;
  if (was < planted) {
    const rose = is > was ? ", and it rose" : "";
    return unclear(
      `There was no backdoor to remove (${change}${rose}); ${cost}. This says nothing about the method.`,
    );
  }
  const rating = defenseEffectiveness(before, after) ?? 0;
  if (rating < 0.5)
    cautions.push(`Its effectiveness rating (DER) is ${rating.toFixed(2)}: under 0.5.`);
  const robust = after.backdoor.robustAccuracy;
  if (is < removed && robust < after.cleanAccuracy / 2) {
    cautions.push(
      `Triggered images are not given the attacker's class any more, but only ${percent(robust)} get ` +
        "their own.",
    );
  }
  const sentence = (start: string): string => `${start}: ${change}, ${cost}.`;
  const [, upper] = wilson(is, after.backdoor.triggeredImages);
  if (is >= planted)
    return { tone: "bad", headline: sentence("The backdoor is still there"), cautions };
  if (is >= removed || upper >= 2 * removed) {
    return { tone: "mixed", headline: sentence("The backdoor is weakened, not gone"), cautions };
  }
  if (lost > costly) {
    return { tone: "mixed", headline: sentence("The backdoor is gone, at a price"), cautions };
  }
  return { tone: "good", headline: sentence("The backdoor is gone"), cautions };
}
