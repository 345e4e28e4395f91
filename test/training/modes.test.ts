import { describe, expect, it } from "vitest";
import { openDevice } from "../../src/device/open.js";
import { BatchNorm2d } from "../../src/nn/layers.js";
import { stateDict } from "../../src/nn/state-dict.js";
import { constantRate } from "../../src/optim/schedules.js";
import { SGD } from "../../src/optim/sgd.js";
import { type FitOptions, fit } from "../../src/training/fit.js";
import { predict } from "../../src/training/predict.js";
import { useDevice } from "../support/devices.js";
import { tinyModel, tinySet } from "../support/tiny.js";

describe("every module's own mode", () => {
  const device = useDevice(() => openDevice({ kind: "cpu" }));

  /** A model in training mode but for one norm and one block. */
  function partlyFrozen() {
    const made = tinyModel(device());
    made.model.train();
    made.model.bn1.eval();
    made.model.layer2.eval();
    const frozen = () => made.model.modules().flatMap(([name, m]) => (m.training ? [] : [name]));
    return { ...made, frozen, before: frozen() };
  }

  it("is what it was after predict, also when it fails", async () => {
    const { model, placement, frozen, before } = partlyFrozen();
    expect(before).toContain("bn1");
    expect(before.length).toBeLessThan(model.modules().length / 2);
    const set = tinySet(7, 2);
    await predict(model, set, { batchSize: 4 });
    expect(frozen()).toEqual(before);
    const failing = {
      onProgress: () => {
        expect(model.modules().some(([, m]) => m.training)).toBe(false);
        throw new Error("mine");
      },
    };
    await expect(predict(model, set, failing)).rejects.toThrow("mine");
    expect(frozen()).toEqual(before);
    placement.release();
  });

  it("is what it was during and after fit, whatever a callback does, also when it fails", async () => {
    const { model, placement, frozen, before } = partlyFrozen();
    const optimizer = new SGD(model, { lr: 0.01 });
    const options = { epochs: 2, batchSize: 8, seed: 1, schedule: constantRate(0.01) };
    const statistics = async () => (await stateDict(model)).get("bn1.running_mean")?.data;
    const still = await statistics();
    const run = (changes: Partial<FitOptions>) =>
      fit(model, tinySet(20, 2), optimizer, { ...options, ...changes });
    // Batches of 8, 8 and 4: the last size is recorded after the first epoch began.
    await run({
      onEpoch: () => {
        model.train();
      },
    });
    expect(frozen()).toEqual(before);
    expect(await statistics()).toEqual(still);
    expect(model.bn1.batchesTracked).toBe(0);
    const failing = () => {
      model.eval();
      throw new Error("mine");
    };
    await expect(run({ onEpoch: failing })).rejects.toThrow("mine");
    await expect(run({ onStep: failing })).rejects.toThrow("mine");
    expect(frozen()).toEqual(before);
    const norms = model.modules().flatMap(([, m]) => (m instanceof BatchNorm2d ? [m] : []));
    const seen = norms.filter((m) => m.training).map((m) => m.batchesTracked);
    expect(new Set(seen).size).toBe(1);
    expect(seen[0]).toBeGreaterThan(9); // three steps an epoch: two epochs, one, some of one
    optimizer.release();
    placement.release();
  });
});
