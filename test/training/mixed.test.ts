import { describe, expect, it } from "vitest";
import { backward } from "../../src/autograd/tape.js";
import { BatchLoader } from "../../src/data/loader.js";
import { alignment, methods, tune } from "../../src/defenses/index.js";
import { openCpuDevice } from "../../src/device/cpu/open.js";
import type { Device, DeviceCounters } from "../../src/device/device.js";
import { UnsupportedPrecisionError } from "../../src/device/errors.js";
import { requireHalf } from "../../src/device/half.js";
import { openWebGpuDevice } from "../../src/device/webgpu/device.js";
import { stateDict } from "../../src/nn/state-dict.js";
import { crossEntropy } from "../../src/ops/cross-entropy.js";
import { add } from "../../src/ops/elementwise.js";
import { Adam } from "../../src/optim/adam.js";
import type { LossScale } from "../../src/optim/loss-scaler.js";
import { constantRate, cosine } from "../../src/optim/schedules.js";
import { SGD } from "../../src/optim/sgd.js";
import { Philox } from "../../src/tensor/random.js";
import { BatchInput } from "../../src/training/batch-input.js";
import { classification, type FitOptions, fit } from "../../src/training/fit.js";
import { type PausedFit, pausable } from "../../src/training/pause.js";
import { MixedPrecision } from "../../src/training/precision.js";
import { useDevice } from "../support/devices.js";
import { type MakeOptimizer, optimizers } from "../support/optimizers.js";
import { tinyModel, tinySet } from "../support/tiny.js";

const augmentation = { pad: 2, flip: true };
const sgd = { lr: 0.05, momentum: 0.9, weightDecay: 5e-4 };
const options: FitOptions = {
  ...{ epochs: 4, batchSize: 16, seed: 9, schedule: cosine(0.05, 12), augmentation },
};

const device = useDevice(openWebGpuDevice);

/** Trains a tiny model, from initial weights moved by up to `moved` of their size. */
async function trained(
  changes: Partial<FitOptions>,
  moved = 0,
  seed = 0,
  make: MakeOptimizer = (model) => new SGD(model, sgd),
) {
  const { model, placement } = tinyModel(device());
  const weights = new Float32Array(await device().read(placement.values));
  const random = new Philox(seed, 0, "moved weights");
  device().write(
    placement.values,
    weights.map((w) => w * (1 + random.uniform(-moved, moved))),
  );
  const optimizer = make(model);
  const losses: number[] = [];
  const scales: LossScale[] = [];
  await fit(model, tinySet(40, 2), optimizer, {
    ...options,
    onStep: ({ loss }) => {
      losses.push(loss);
    },
    onEpoch: ({ lossScale }) => {
      if (lossScale) scales.push(lossScale);
    },
    ...changes,
  });
  const state = await stateDict(model);
  optimizer.release();
  placement.release();
  return { losses, scales, state };
}

describe("training in mixed precision", () => {
  // Weights, activations and gradients are rounded to f16, each by up to 2^-11 of itself. The bar is
  // three times what f32 runs stray whose initial weights, and those alone, are moved by as much.
  it("follows the f32 run as nearly as moved f32 runs do", async () => {
    const slow = { schedule: constantRate(0.005) };
    const single = await trained(slow);
    const mixed = await trained({ ...slow, precision: "mixed" });
    const stray = single.losses.map(() => 0);
    for (let seed = 1; seed <= 4; seed++) {
      const { losses } = await trained(slow, 2 ** -11, seed);
      losses.forEach((loss, i) => {
        stray[i] = Math.max(stray[i] ?? 0, Math.abs(loss - (single.losses[i] ?? 0)));
      });
    }
    expect(mixed.losses).not.toEqual(single.losses);
    mixed.losses.forEach((loss, i) => {
      const bar = 3 * Math.max(...stray.slice(0, i + 1));
      expect(Math.abs(loss - (single.losses[i] ?? 0)), `step ${i}`).toBeLessThan(bar);
    });
    expect(mixed.scales.at(-1)).toEqual({ scale: 65536, goodSteps: 12, skippedSteps: 0 });
  });

  it.each(optimizers)("skips steps alike op by op and replayed: $name", async ({ make }) => {
    const lossScale = { scale: 2 ** 27, goodSteps: 0, skippedSteps: 0 };
    const { model, placement } = tinyModel(device());
    const weight = model.head.weight.value;
    const set = tinySet(40, 2);
    const optimizer = make(model);
    const loader = new BatchLoader(set, options);
    const mixed = new MixedPrecision(model);
    mixed.scaler.load(lossScale);
    const losses: number[] = [];
    const scales: LossScale[] = [];
    for (let epoch = 0; epoch < options.epochs; epoch++) {
      let k = 0;
      for await (const batch of loader.epoch(epoch)) {
        optimizer.set(options.schedule(epoch * loader.length + k));
        const input = new BatchInput(device(), set, batch.count);
        input.write(batch, { seed: options.seed, epoch, step: k++ });
        mixed.refresh();
        const scope = device().scope();
        const logits = mixed.forward(input.images(augmentation, "f16"));
        const loss = crossEntropy(logits, input.labels);
        backward(mixed.scaler.scale(add(loss, alignment(weight, weight.detach(), 0.01))));
        optimizer.step(mixed.scaler);
        const value = loss.item();
        scope[Symbol.dispose]();
        losses.push(await value);
        input.release();
      }
      scales.push(await mixed.scaler.read());
    }
    const state = await stateDict(model);

    const again = tinyModel(device());
    const head = again.model.head.weight.value;
    const second = make(again.model);
    const replayed: { losses: number[]; scales: LossScale[] } = { losses: [], scales: [] };
    await fit(again.model, set, second, {
      ...options,
      ...{ precision: "mixed", lossScale },
      objective: (batch, context) => {
        const loss = classification()(batch, context);
        context.report("loss", loss);
        return add(loss, alignment(head, head.detach(), 0.01));
      },
      onStep: ({ loss }) => {
        replayed.losses.push(loss);
      },
      onEpoch: (progress) => {
        if (progress.lossScale) replayed.scales.push(progress.lossScale);
      },
    });
    expect(replayed).toEqual({ losses, scales });
    expect(await stateDict(again.model)).toEqual(state);
    expect(await second.save()).toEqual(await optimizer.save());
    const last = scales.at(-1);
    expect(last?.skippedSteps).toBeGreaterThan(2);
    expect(last?.skippedSteps).toBeLessThan(12);
    expect(last?.scale).toBe(2 ** (27 - (last?.skippedSteps ?? 0)));
    if (second instanceof Adam) expect(await second.steps()).toBe(12 - (last?.skippedSteps ?? 0));
    for (const made of [mixed, optimizer, placement, second, again.placement]) made.release();
  });

  it.each(optimizers)("goes on after a pause, loss scale included: $name", async ({ make }) => {
    const start = { scale: 2 ** 25, goodSteps: 0, skippedSteps: 0 };
    const whole = await trained({ precision: "mixed", lossScale: start }, 0, 0, make);
    let paused: PausedFit | undefined;
    const losses: number[] = [];
    const onStep: FitOptions["onStep"] = ({ loss }) => {
      losses.push(loss);
    };
    for (const epochs of [2, 4]) {
      // Another model the second time: all it needs is in the pause.
      const { model, placement } = tinyModel(device(), paused ? 77 : 1);
      const optimizer = make(model);
      const onPause = async (state: PausedFit): Promise<void> => {
        paused = state;
      };
      await fit(model, tinySet(40, 2), optimizer, {
        ...{ ...options, precision: "mixed", lossScale: start, epochs, onStep },
        ...pausable(model, optimizer, { onPause, ...(paused && { resume: paused }) }),
      });
      optimizer.release();
      placement.release();
    }
    expect(losses).toEqual(whole.losses);
    expect(paused?.lossScale).toEqual(whole.scales.at(-1));
    expect(paused?.model).toEqual(whole.state);
  });

  it("creates nothing in a steady step", async () => {
    const { model, placement } = tinyModel(device());
    const optimizer = new SGD(model, sgd);
    const seen: DeviceCounters[] = [];
    await fit(model, tinySet(40, 2), optimizer, {
      ...{ ...options, epochs: 12, batchSize: 10, schedule: constantRate(0.01) },
      precision: "mixed",
      onStep: () => {
        seen.push({ ...device().counters });
      },
    });
    const [early, late] = [seen[15], seen.at(-1)] as [DeviceCounters, DeviceCounters];
    for (const name of ["buffersCreated", "bindGroupsCreated", "pipelinesCreated"] as const) {
      expect(late[name] - early[name], name).toBe(0);
    }
    expect(late.peakBytes).toBe(early.peakBytes);
    optimizer.release();
    placement.release();
  });

  it("purifies: FST on halves holds the head's norm", async () => {
    const { model, placement } = tinyModel(device());
    const norm = async () => Math.hypot(...(await model.head.weight.value.read()));
    const before = await norm();
    const fst = methods.find(({ name }) => name === "fst");
    if (!fst) throw new Error("there is no fst");
    const losses: number[] = [];
    await tune(
      fst,
      {
        ...{ model, tuning: tinySet(40, 2) },
        onEpoch: ({ loss, lossScale }) => {
          losses.push(loss);
          expect(lossScale?.skippedSteps).toBe(0);
        },
      },
      { epochs: 6, batchSize: 16, precision: "mixed" },
    );
    expect(losses.at(-1)).toBeLessThan(losses[0] ?? 0);
    expect(await norm()).toBeCloseTo(before, 5);
    placement.release();
  });
});

describe("where there are no 16-bit floats", () => {
  it("mixed precision is a typed error that names value, need and remedy", async () => {
    const cpu = await openCpuDevice();
    try {
      const { model, placement } = tinyModel(cpu);
      const optimizer = new SGD(model, sgd);
      const start = fit(model, tinySet(40, 2), optimizer, { ...options, precision: "mixed" });
      await expect(start).rejects.toThrow(UnsupportedPrecisionError);
      await expect(start).rejects.toThrow(/precision "mixed".*shader-f16.*precision "f32"/s);
      const [method] = methods;
      if (!method) throw new Error("there are no methods");
      const tuning = tune(method, { model, tuning: tinySet(8, 2) }, { precision: "mixed" });
      await expect(tuning).rejects.toThrow(UnsupportedPrecisionError);
      optimizer.release();
      placement.release();
    } finally {
      await cpu.destroy();
    }
    const info = { ...device().info, name: "Old GPU", features: ["timestamp-query"] };
    const old: Device = Object.create(device(), { info: { value: info } });
    expect(() => requireHalf(old, 'precision "mixed"')).toThrow(/webgpu device "Old GPU" has none/);
  });
});
