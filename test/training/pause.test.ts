import { expect, it } from "vitest";
import { cosine } from "../../src/optim/schedules.js";
import { type FitOptions, fit } from "../../src/training/fit.js";
import { type PausedFit, pausable } from "../../src/training/pause.js";
import { describeOnDevices } from "../support/devices.js";
import { type MakeOptimizer, optimizers } from "../support/optimizers.js";
import { tinyModel, tinySet } from "../support/tiny.js";

describeOnDevices("a paused fit", (device) => {
  /** Trains until each of the given epochs in turn, every time with another model and optimizer. */
  async function trained(make: MakeOptimizer, until: readonly number[]) {
    const losses: number[] = [];
    let paused: PausedFit | undefined;
    for (const epochs of until) {
      const { model, placement } = tinyModel(device(), paused ? 77 : 1);
      const optimizer = make(model);
      const options: FitOptions = {
        ...{ epochs, batchSize: 16, seed: 9, schedule: cosine(0.02, 12) },
        augmentation: { pad: 2, flip: true },
        onStep: ({ loss }) => {
          losses.push(loss);
        },
      };
      const onPause = async (state: PausedFit): Promise<void> => {
        paused = state;
      };
      const resume = paused && { resume: paused };
      await fit(model, tinySet(40, 2), optimizer, {
        ...options,
        ...pausable(model, optimizer, { onPause, ...resume }),
      });
      for (const made of [optimizer, placement]) made.release();
    }
    return { losses, paused };
  }

  it.each(optimizers)("goes on as if there had been no pause: $name", async ({ make }) => {
    const whole = await trained(make, [4]);
    const parts = await trained(make, [1, 3, 4]);
    expect(whole.losses.length).toBe(12);
    expect(parts).toEqual(whole);
  });
});
