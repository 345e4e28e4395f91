import type { Batches, Feed, Moment } from "./feed.js";
import { TrainStep, type Update } from "./step.js";

/** The recorded steps for batches of one size. */
interface Sized<Host, Batch> {
  readonly feed: Feed<Host, Batch>;
  readonly steps: readonly TrainStep<Batch>[];
}

/** Runs the updates of a training step on batches of whatever size, each size recorded once. */
export class StepRunner<Host, Batch> {
  readonly #batches: Batches<Host, Batch>;
  readonly #updates: readonly Update<Batch>[];
  readonly #sizes = new Map<number, Sized<Host, Batch>>();

  constructor(batches: Batches<Host, Batch>, updates: readonly Update<Batch>[]) {
    this.#batches = batches;
    this.#updates = updates;
  }

  /**
   * Enqueues the step; `reports` resolves to what its objectives report. Resolves itself as soon as the
   * kernels are there.
   */
  async run(
    batch: Host & { readonly count: number },
    at: Moment,
    onCompile?: (done: number, all: number) => void,
  ): Promise<{ readonly reports: Promise<Record<string, number>> }> {
    const { feed, steps } = await this.#sized(batch.count, onCompile);
    feed.write(batch, at);
    const reports = Promise.all(steps.map((step) => step.run(at))).then(joined);
    // It is awaited some steps later; until then a fault of the device must not end the process.
    reports.catch(() => {});
    return { reports };
  }

  async #sized(
    count: number,
    onCompile?: (done: number, all: number) => void,
  ): Promise<Sized<Host, Batch>> {
    const found = this.#sizes.get(count);
    if (found) return found;
    const steps: TrainStep<Batch>[] = [];
    const made = { feed: this.#batches.feed(count), steps };
    this.#sizes.set(count, made);
    for (const update of this.#updates) {
      const others = this.#updates.filter((u) => u !== update).map(({ model }) => model);
      steps.push(new TrainStep(update, made.feed, others));
    }
    for (const step of steps) await step.ready(onCompile);
    return made;
  }

  release(): void {
    for (const { feed, steps } of this.#sizes.values()) {
      for (const step of steps) step.release();
      feed.release();
    }
    this.#sizes.clear();
  }
}

/** The first update's reports under their own names, those of the others under their number. */
const joined = (told: readonly Record<string, number>[]): Record<string, number> =>
  Object.fromEntries(
    told.flatMap((reports, i) =>
      Object.entries(reports).map(([name, value]) => [i === 0 ? name : `${i}: ${name}`, value]),
    ),
  );
