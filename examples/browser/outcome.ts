import {
  defenseEffectiveness,
  type Examination,
  judgePurification,
  judgeVictim,
  shortPercent,
  type Verdict,
  wilson,
} from "shiftgrad";
import type { Phase } from "./protocol.js";
import { grouped } from "./settings.js";

/** What is known of each model, and whether all test images were looked at or a sample. */
export type Found = Partial<Record<Phase, { examination: Examination; whole: boolean }>>;

export interface Cell {
  readonly value: string;
  /** Where the true value lies, in 95 of 100 cases. */
  readonly range: string;
}

export const measures = ["clean", "attack", "robust", "rating"] as const;
export type Measure = (typeof measures)[number];

/** What one model's column of the table says. */
export function column(found: Found, phase: Phase): Partial<Record<Measure, Cell>> {
  const own = found[phase]?.examination;
  if (!own) return {};
  const { cleanAccuracy, cleanImages, backdoor } = own;
  const before = found.victim;
  const rating =
    phase !== "victim" && before ? defenseEffectiveness(before.examination, own) : null;
  return {
    clean: share(cleanAccuracy, cleanImages),
    ...(backdoor && {
      attack: share(backdoor.attackSuccess, backdoor.triggeredImages),
      robust: share(backdoor.robustAccuracy, backdoor.triggeredImages),
    }),
    ...(rating !== null && { rating: { value: rating.toFixed(2), range: "" } }),
  };
}

function share(value: number, count: number): Cell {
  const [low, high] = wilson(value, count).map((bound) => Number((100 * bound).toFixed(1)));
  return { value: shortPercent(value), range: `${low}–${high}%` };
}

/** The verdict on a model that all test images were shown; null before that. */
export function verdictOn(found: Found, phase: Phase, classes: number): Verdict | null {
  const { victim } = found;
  const own = found[phase];
  if (!victim?.whole || !own?.whole) return null;
  return phase === "victim"
    ? judgeVictim(own.examination, { classes })
    : judgePurification(victim.examination, own.examination, { classes });
}

/** On how many images the numbers rest; `sample` is what the curves look at. */
export function basis(whole: Examination | null, sample: Examination | null): string {
  const counts = ({ cleanImages, backdoor }: Examination): string =>
    `${grouped(cleanImages)} clean and ` +
    `${grouped(backdoor?.triggeredImages ?? 0)} triggered test images`;
  const interval = "Small print and shaded areas: 95% confidence intervals.";
  if (!sample) return "";
  if (!whole) return `So far: ${counts(sample)}. ${interval}`;
  const table = `The table: ${counts(whole)}.`;
  return counts(whole) === counts(sample)
    ? `${table} ${interval}`
    : `${table} The curves look at a part of them: ${counts(sample)}. ${interval}`;
}
