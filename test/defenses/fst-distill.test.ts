import { expect, it } from "vitest";
import { gradients } from "../../src/autograd/tape.js";
import { softCrossEntropy } from "../../src/defenses/fst-distill.js";
import { distilledShift, featureShiftTuning } from "../../src/defenses/index.js";
import { mixed } from "../../src/defenses/mixing.js";
import { openCpuDevice } from "../../src/device/cpu/open.js";
import { placementOf } from "../../src/nn/place.js";
import { stateDict } from "../../src/nn/state-dict.js";
import { crossEntropy } from "../../src/ops/cross-entropy.js";
import { oneHot } from "../../src/ops/gather.js";
import { tensor } from "../../src/tensor/create.js";
import type { StepContext } from "../../src/training/context.js";
import type { PausedFit } from "../../src/training/pause.js";
import { describeOnDevices, useDevice } from "../support/devices.js";
import { tinyModel, tinySet } from "../support/tiny.js";
import { labelsOf, values } from "../support/values.js";

describeOnDevices("distilled FST", (device) => {
  it("soft cross-entropy of one class is the usual one, with its gradient", async () => {
    using _ = device().scope();
    const logits = tensor(device(), values([7, 5], 1, -3, 3), [7, 5]).withGrad();
    const labels = tensor(device(), labelsOf(7, 5, 2), [7], "u32");
    const soft = softCrossEntropy(oneHot(labels, 5), logits);
    const hard = crossEntropy(logits, labels);
    expect(Math.abs((await soft.item()) - (await hard.item()))).toBeLessThan(1e-6);
    const [a, b] = [gradients(soft, [logits])[0], gradients(hard, [logits])[0]];
    const [x, y] = [await a?.read(), await b?.read()];
    x?.forEach((g, i) => {
      expect(Math.abs(g - (y?.[i] ?? 9))).toBeLessThan(1e-6);
    });
  });

  it("mixes images and labels in the same shares, another draw in every step", async () => {
    using _ = device().scope();
    const [n, h, w] = [19, 7, 9];
    const data = values([n, h, w, 4], 3);
    const labelled = labelsOf(n, 5, 4);
    const at = (step: number, seed = 6) => {
      const context = {
        input: (
          _name: string,
          shape: number[],
          write: (at: object) => ArrayLike<number>,
          dtype?: "u32",
        ) => tensor(device(), write({ seed, epoch: 2, step }) as Float32Array, shape, dtype),
      } as unknown as StepContext;
      const batch = {
        images: tensor(device(), data, [n, h, w, 4]),
        labels: tensor(device(), labelled, [n], "u32"),
      };
      return mixed(batch, context, 5, 0.6);
    };
    const { images, targets } = at(3);
    const [pixels, shares] = [await images.read(), await targets.read()];
    let touched = 0;
    for (let i = 0; i < n; i++) {
      const row = shares.subarray(5 * i, 5 * i + 5);
      expect(Math.abs(row.reduce((s, t) => s + t, 0) - 1)).toBeLessThan(1e-6);
      const own = row[labelled[i] ?? 0] ?? 0;
      // How much of the image is another one's, from the pixels, is what the label says or less.
      let changed = 0;
      for (let p = 0; p < h * w; p++) {
        const k = (i * h * w + p) * 4;
        if (pixels[k] !== data[k]) changed++;
      }
      if (changed > 0) touched++;
      if (changed > 0 && changed < h * w && own < 1) {
        expect(Math.abs(1 - own - changed / (h * w))).toBeLessThan(1e-6);
      }
    }
    expect(touched).toBeGreaterThan(5);
    expect(touched).toBeLessThan(n);
    expect(await at(3).images.read()).toEqual(pixels);
    expect(await at(4).images.read()).not.toEqual(pixels);
  });
});

const cpu = useDevice(() => openCpuDevice({ threads: 1 }));
const set = tinySet(40, 2);

async function purified(options: object, hooks: object = {}, method = distilledShift) {
  const { model } = tinyModel(cpu());
  const before = await stateDict(model);
  await method.run(model, set, { batchSize: 16, ...options }, hooks);
  const after = await stateDict(model);
  placementOf(model).release();
  return { before, after };
}

it("without teacher and mixing it is FST", async () => {
  const plain = { epochs: 2, alpha: 0.2 };
  const own = await purified({ ...plain, distill: 0, mix: 0 });
  const fst = await purified(plain, {}, featureShiftTuning as never);
  for (const [name, { data }] of own.after) {
    if (!(data instanceof Float32Array)) continue; // batches counted
    const other = fst.after.get(name)?.data as Float32Array;
    data.forEach((x, i) => {
      expect(Math.abs(x - (other[i] ?? 0)), name).toBeLessThan(2e-5);
    });
  }
});

it("holds the head's norm, and goes on after a pause as if there had been none", async () => {
  const whole = await purified({ epochs: 3 });
  const norm = (state: typeof whole.after) => {
    const head = [...state].find(([, { shape }]) => shape.length === 2)?.[1].data as Float32Array;
    return Math.sqrt(head.reduce((sum, x) => sum + x * x, 0));
  };
  expect(Math.abs(norm(whole.after) / norm(whole.before) - 1)).toBeLessThan(1e-6);
  let paused: PausedFit | undefined;
  const stop = new AbortController();
  const first = purified(
    { epochs: 3 },
    {
      signal: stop.signal,
      onPause: async (state: PausedFit) => {
        if (state.epochs !== 2) return;
        paused = state;
        stop.abort(new Error("paused"));
      },
    },
  );
  await expect(first).rejects.toThrow("paused");
  const { after } = await purified({ epochs: 3 }, { resume: paused });
  expect(after).toEqual(whole.after);
});

it("refuses a temperature that is none", async () => {
  await expect(purified({ temperature: 0 })).rejects.toThrow(
    /temperature must be a number above 0/,
  );
});
