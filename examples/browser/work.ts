import { type Phase, phases } from "./protocol.js";
import { imageCounts, type Settings } from "./settings.js";

/** Test images that the demo looks at between epochs, for the curves: at most. */
const examined = 1500;

/** The steps of each phase, and their part of the run's work. */
export function workOf(settings: Settings): Record<Phase, { steps: number; share: number }> {
  const { epochs, tuningEpochs, batchSize } = settings;
  const { training, tuning, test } = imageCounts(settings);
  // A forward pass takes a third of a step.
  const examination = Math.min(2 * test, examined) / 3;
  const toTrain = epochs * (training + examination);
  const toTune = tuningEpochs * (tuning + examination);
  const all = toTrain + 2 * toTune;
  const steps = epochs * Math.floor(training / batchSize);
  const method = { steps: tuningEpochs * Math.ceil(tuning / batchSize), share: toTune / all };
  return { victim: { steps, share: toTrain / all }, ft: method, fst: method };
}

/** The share of the run's work that is done, and from its pace the seconds that are left. */
export class Pace {
  readonly #work: ReturnType<typeof workOf>;
  #first: { share: number; seconds: number } | null = null;
  share = 0;

  constructor(settings: Settings) {
    this.#work = workOf(settings);
  }

  /**
   * @param step steps done of the phase's
   * @param seconds the time on any clock; null for what was done in an earlier visit
   * @returns the seconds left; null while there is no pace to tell from
   */
  at(phase: Phase, step: number, seconds: number | null): number | null {
    const before = phases.slice(0, phases.indexOf(phase));
    const { steps, share } = this.#work[phase];
    this.share = before.reduce((sum, p) => sum + this.#work[p].share, 0) + (share * step) / steps;
    if (seconds === null) return null;
    this.#first ??= { share: this.share, seconds };
    const done = this.share - this.#first.share;
    return done > 0 ? ((seconds - this.#first.seconds) * (1 - this.share)) / done : null;
  }
}

/** Seconds as minutes:seconds. */
export function clock(seconds: number): string {
  const whole = Math.ceil(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
