import { describe, expect, it } from "vitest";
import { superFineTuning } from "../../src/defenses/index.js";
import { waves } from "../../src/defenses/sft.js";
import { openDevice } from "../../src/device/open.js";
import { purified, resumesBitForBit } from "../support/defenses.js";
import { useDevice } from "../support/devices.js";

const small = { epochs: 3, batchSize: 8, rise: 2, augmentation: { pad: 1, flip: true } };

it("goes up and down in waves, high ones first", () => {
  const schedule = waves({ lr: 0.1, peak: 0.5, calmPeak: 0.2, rise: 4, first: 10 });
  const rates = Array.from({ length: 18 }, (_, step) => schedule(step).lr);
  const high = [0.1, 0.2, 0.3, 0.4, 0.5, 0.4, 0.3, 0.2, 0.1, 0.2];
  const low = [0.15, 0.175, 0.2, 0.175, 0.15, 0.125, 0.1, 0.125];
  [...high, ...low].forEach((rate, step) => {
    expect(rates[step], `step ${step}`).toBeCloseTo(rate, 12);
  });
});

describe("super-fine-tuning (cpu)", () => {
  const device = useDevice(() => openDevice({ kind: "cpu" }));

  it("takes its rates, of all its steps the share that it was told", async () => {
    const told: number[] = [];
    const options = { ...small, forgetting: 0.5, lr: 0.01, peak: 0.05, calmPeak: 0.02 };
    await purified(device(), superFineTuning, options, { onStep: ({ lr }) => void told.push(lr) });
    // 30 images are 4 batches; 6 of 12 steps go by high waves.
    const schedule = waves({ lr: 0.01, peak: 0.05, calmPeak: 0.02, rise: 2, first: 6 });
    expect(told).toEqual(Array.from({ length: 12 }, (_, step) => schedule(step).lr));
    expect(Math.max(...told.slice(0, 6))).toBeCloseTo(0.05, 12);
    expect(Math.max(...told.slice(6))).toBeLessThan(0.021);
  });

  it("goes on after a pause bit for bit", () => resumesBitForBit(device(), superFineTuning, small));
});

it("refuses rates and shares that are none", () => {
  const { options } = superFineTuning;
  expect(() => options.fill({ peak: 0 })).toThrow(/sft: peak must be a number above 0, not 0/);
  expect(() => options.fill({ forgetting: 1.5 })).toThrow(/forgetting must be a number in 0 .. 1/);
});
