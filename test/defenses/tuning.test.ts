import { expect, expectTypeOf, it } from "vitest";
import type { Attack } from "../../src/attacks/attack.js";
import { backward, gradients } from "../../src/autograd/tape.js";
import type { Images } from "../../src/data/image-source.js";
import {
  alignment,
  type DefenseDefinition,
  type DefenseHooks,
  featureShiftTuning,
  featureTuning,
  fineTuning,
  fineTuningInit,
  linearProbing,
  type TuningOptions,
} from "../../src/defenses/index.js";
import type { Device } from "../../src/device/device.js";
import type { StateDict } from "../../src/io/state-dict.js";
import type { Classifier } from "../../src/models/classifier.js";
import { stateDict } from "../../src/nn/state-dict.js";
import { crossEntropy } from "../../src/ops/cross-entropy.js";
import { add } from "../../src/ops/elementwise.js";
import { matmul } from "../../src/ops/matmul.js";
import { tensor } from "../../src/tensor/create.js";
import { describeOnDevices } from "../support/devices.js";
import { tinyModel, tinySet } from "../support/tiny.js";
import { labelsOf, values } from "../support/values.js";

const small: Partial<TuningOptions> = {
  epochs: 2,
  batchSize: 16,
  augmentation: { pad: 1, flip: true },
};

/** Tunes a tiny model and gives its values before and after. */
async function tuned(
  device: Device,
  method: typeof fineTuning,
  changes: Partial<TuningOptions> = {},
) {
  const { model, placement } = tinyModel(device);
  const before = await stateDict(model);
  const norms: number[] = [];
  await method.run(
    model,
    tinySet(40, 2),
    { ...small, ...changes },
    {
      onEpoch: async () => {
        norms.push(norm(await model.head.weight.value.read()));
      },
    },
  );
  const after = await stateDict(model);
  placement.release();
  return { before, after, norms };
}

const norm = (w: ArrayLike<number>): number => Math.hypot(...Array.from(w));
const data = (dict: StateDict, name: string): Float32Array => dict.get(name)?.data as Float32Array;
/** By more than a step with a rate of 1e-30 could do. */
const changed = (r: { before: StateDict; after: StateDict }, name: string): boolean =>
  data(r.before, name).some((v, i) => !(Math.abs(v - (data(r.after, name)[i] ?? 0)) < 1e-20));

it("gives a defense the model and clean images, and no way to reach the attack", () => {
  type Run = Parameters<DefenseDefinition["run"]>;
  expectTypeOf<Run[0]>().toEqualTypeOf<Classifier>();
  expectTypeOf<Run[1]>().toEqualTypeOf<Images>();
  expectTypeOf<Run["length"]>().toEqualTypeOf<2 | 3 | 4>();
  expectTypeOf<DefenseHooks>().not.toHaveProperty("attack");
  expectTypeOf<Attack>().not.toExtend<Images>();
  // @ts-expect-error: a defense has no parameter that takes an attack
  const hooks: Partial<DefenseHooks> = { attack: {} as Attack };
  expect(hooks).toBeDefined();
});

describeOnDevices("tuning", (device) => {
  it("holds the head's norm at ||W_ori|| in every method by default, or in FST alone", async () => {
    const fst = await tuned(device(), featureShiftTuning);
    const original = norm(data(fst.before, "linear.weight"));
    for (const n of fst.norms) expect(Math.abs(n / original - 1)).toBeLessThan(1e-6);
    const ft = await tuned(device(), fineTuning, { projection: "fst" });
    expect(Math.abs(norm(data(ft.after, "linear.weight")) / original - 1)).toBeGreaterThan(1e-4);
    const pinned = await tuned(device(), fineTuning);
    expect(Math.abs((pinned.norms[0] ?? 0) / original - 1)).toBeLessThan(1e-6);
  });

  it("has alpha W_ori as the gradient of the alignment term, added to that of the loss", async () => {
    using _ = device().scope();
    const [w, ori] = [1, 2].map((seed) => tensor(device(), values([3, 5], seed), [3, 5]));
    if (!w || !ori) throw new Error("no weights");
    w.withGrad();
    const [pull] = gradients(alignment(w, ori, 0.3), [w]);
    expect(await pull?.read()).toEqual((await ori.read()).map((v) => Math.fround(0.3) * v));
    const x = tensor(device(), values([4, 5], 3), [4, 5]);
    const labels = tensor(device(), labelsOf(4, 3, 1), [4], "u32");
    const loss = () => crossEntropy(matmul(x, w, { transB: true }), labels);
    const [bare] = gradients(loss(), [w]);
    backward(add(loss(), alignment(w, ori, 0.3)));
    const [sum, parts, term] = [await w.grad?.read(), await bare?.read(), await pull?.read()];
    sum?.forEach((g, i) => {
      expect(Math.abs(g - ((parts?.[i] ?? 0) + (term?.[i] ?? 0)))).toBeLessThan(1e-6);
    });
  });

  it("re-draws the last linear layer only", async () => {
    // A rate too small to move anything: what differs afterwards was re-drawn.
    const unpinned = { lr: 1e-30, batchNorm: "frozen", projection: "fst" } as const;
    const still = await tuned(device(), fineTuningInit, unpinned);
    const names = [...still.before.keys()].filter(
      (name) => !name.endsWith("num_batches_tracked") && changed(still, name),
    );
    expect(names).toEqual(["linear.weight", "linear.bias"]);
    const bound = 1 / Math.sqrt(32);
    expect(Math.max(...data(still.after, "linear.weight").map(Math.abs))).toBeLessThanOrEqual(
      Math.fround(bound),
    );
    const kept = await tuned(device(), fineTuningInit, {
      lr: 1e-30,
      batchNorm: "frozen",
      redrawBias: false,
    });
    expect(changed(kept, "linear.bias")).toBe(false);
  });

  it("with alpha 0, FST is FT-init with projection", async () => {
    const fst = await tuned(device(), featureShiftTuning, { alpha: 0 });
    const init = await tuned(device(), fineTuningInit);
    expect(fst.after).toEqual(init.after);
    const shifted = await tuned(device(), featureShiftTuning, { alpha: 0.2 });
    expect(data(shifted.after, "linear.weight")).not.toEqual(data(fst.after, "linear.weight"));
  });

  it("pushes the head away from the original as alpha grows", async () => {
    const along = async (alpha: number): Promise<number> => {
      const { before, after } = await tuned(device(), featureShiftTuning, { alpha, epochs: 3 });
      const ori = data(before, "linear.weight");
      return data(after, "linear.weight").reduce((s, w, i) => s + w * (ori[i] ?? 0), 0);
    };
    expect(await along(1)).toBeLessThan(await along(0));
  });

  it("leaves the bias out of the projection", async () => {
    const options = { lr: 1e-30, batchNorm: "frozen", projection: "fst" } as const;
    const init = await tuned(device(), fineTuningInit, options);
    const fst = await tuned(device(), featureShiftTuning, options);
    expect(data(fst.after, "linear.bias")).toEqual(data(init.after, "linear.bias"));
    expect(data(fst.after, "linear.weight")).not.toEqual(data(init.after, "linear.weight"));
  });

  it("tunes what each method says, batch norm's statistics drifting in all of them", async () => {
    const probe = await tuned(device(), linearProbing);
    expect(changed(probe, "linear.weight")).toBe(true);
    expect(changed(probe, "layer1.0.conv1.weight")).toBe(false);
    expect(changed(probe, "bn1.weight")).toBe(false);
    expect(changed(probe, "bn1.running_mean")).toBe(true);
    const features = await tuned(device(), featureTuning, { projection: "fst" });
    const redrawn = await tuned(device(), fineTuningInit, { lr: 1e-30, projection: "fst" });
    expect(data(features.after, "linear.weight")).toEqual(data(redrawn.after, "linear.weight"));
    expect(changed(features, "layer4.1.conv2.weight")).toBe(true);
    expect(changed(features, "bn1.bias")).toBe(true);
    const frozen = await tuned(device(), fineTuning, { batchNorm: "frozen" });
    expect(changed(frozen, "bn1.running_mean")).toBe(false);
    expect(changed(frozen, "bn1.weight")).toBe(true);
  });

  it("refuses settings that make no sense", async () => {
    const bad: [Partial<TuningOptions>, RegExp][] = [
      [{ epochs: 0 }, /defense ft: epochs must be an integer of at least 1, not 0/],
      [{ lr: -1 }, /lr must be a number above 0, not -1/],
      [{ alpha: Number.NaN }, /alpha must be a finite number, not NaN/],
      [{ momentum: 1 }, /momentum must be a number of at least 0 and below 1, not 1/],
      [{ augmentation: { pad: -1 } as never }, /ft: augmentation: pad must be an integer of at/],
      [{ learningRate: 0.1 } as never, /ft has no option learningRate \(0.1\); .* has epochs, lr,/],
    ];
    for (const [changes, message] of bad) {
      await expect(tuned(device(), fineTuning, changes)).rejects.toThrow(message);
    }
  });
});
