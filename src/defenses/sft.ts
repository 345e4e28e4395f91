import type { Schedule } from "../optim/schedules.js";
import { integer, number } from "../schema/index.js";
import { defineDefense } from "./defense.js";
import { sgdFields, tuneBySgd } from "./sgd.js";

interface Waves {
  /** The rate between two waves, and at the top of those of the first and the second phase. */
  readonly lr: number;
  readonly peak: number;
  readonly calmPeak: number;
  /** Steps up, and as many down. */
  readonly rise: number;
  /** Steps of the first phase. */
  readonly first: number;
}

/**
 * Triangular waves of the learning rate (Smith 2017), high ones at first, which make the model forget,
 * then low ones, in which it learns what is clean again.
 */
export function waves({ lr, peak, calmPeak, rise, first }: Waves): Schedule {
  return (step) => {
    const top = step < first ? peak : calmPeak;
    const within = step % (2 * rise);
    return { lr: lr + ((top - lr) * Math.min(within, 2 * rise - within)) / rise };
  };
}

const { lr: _, ...loop } = sgdFields({ epochs: 20 });

/** Super-fine-tuning: fine-tuning under the learning rates of super-convergence (Smith 2018). */
export const superFineTuning = defineDefense({
  name: "sft",
  title: "Super-FT",
  doc: "tunes the whole model under waves of high learning rates, then of low ones",
  source:
    "Sha et al., Fine-Tuning Is All You Need to Mitigate Backdoor Attacks, 2022, arXiv 2212.09067",
  options: {
    ...loop,
    lr: number({ above: 0, default: 0.01, doc: "rate between two waves", placeholder: "rate" }),
    peak: number({ above: 0, default: 0.15, doc: "rate at the top of a high wave" }),
    calmPeak: number({ above: 0, default: 0.05, doc: "rate at the top of a low wave" }),
    rise: integer({ min: 1, default: 10, doc: "steps from the foot of a wave to its top" }),
    forgetting: number({
      min: 0,
      max: 1,
      default: 0.4,
      doc: "share of the steps that go by high waves",
    }),
  },
  epochs: ({ epochs }) => epochs,
  async run(model, clean, options, hooks) {
    const { lr, peak, calmPeak, rise, forgetting, batchSize, dropLast, epochs } = options;
    const batches = clean.labels.length / batchSize;
    const steps = epochs * (dropLast ? Math.floor(batches) : Math.ceil(batches));
    const first = Math.round(forgetting * steps);
    try {
      model.train();
      await tuneBySgd(model, clean, options, hooks, {
        schedule: waves({ lr, peak, calmPeak, rise, first }),
        scheduleBy: "step",
      });
    } finally {
      model.eval();
    }
  },
});
