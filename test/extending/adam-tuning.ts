import { defineDefense } from "../../src/defenses/defense.js";
import { Adam } from "../../src/optim/adam.js";
import { constantRate } from "../../src/optim/schedules.js";
import { integer, number } from "../../src/schema/index.js";
import { fit } from "../../src/training/fit.js";
import { pausable } from "../../src/training/pause.js";

/** Fine-tuning by another optimizer. */
export const adamTuning = defineDefense({
  name: "adam-tuning",
  title: "Adam tuning",
  doc: "tunes the whole model with Adam",
  source: "docs/extending.md",
  options: {
    epochs: integer({ min: 1, default: 5, doc: "passes over the clean images" }),
    lr: number({ above: 0, default: 1e-3, doc: "learning rate", placeholder: "rate" }),
    seed: integer({ min: 0, default: 0, doc: "decides the batches" }),
  },
  epochs: ({ epochs }) => epochs,
  async run(model, clean, { epochs, lr, seed }, hooks) {
    const optimizer = new Adam(model, { lr });
    try {
      model.train();
      await fit(model, clean, optimizer, {
        ...{ epochs, seed, batchSize: 16, schedule: constantRate(lr) },
        ...pausable(model, optimizer, hooks),
      });
    } finally {
      optimizer.release();
      model.eval();
    }
  },
});
