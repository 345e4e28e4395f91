import { expect, it } from "vitest";
import { backward } from "../../src/autograd/tape.js";
import { Linear, Sequential } from "../../src/nn/index.js";
import type { Module } from "../../src/nn/module.js";
import { place } from "../../src/nn/place.js";
import { square } from "../../src/ops/elementwise.js";
import { sum } from "../../src/ops/reduce.js";
import { clipGradientNorm, clipGradientValue } from "../../src/optim/clip.js";
import { SGD } from "../../src/optim/sgd.js";
import { tensor } from "../../src/tensor/create.js";
import { describeOnDevices } from "../support/devices.js";
import { values } from "../support/values.js";

const gradientsOf = async (model: Module): Promise<number[][]> =>
  Promise.all(model.parameters().map(async ([, p]) => [...((await p.value.grad?.read()) ?? [])]));

describeOnDevices("gradient clipping", (device) => {
  const prepared = () => {
    const model = new Sequential(new Linear(5, 7), new Linear(7, 3));
    const placement = place(model, device(), { seed: 3 });
    const scope = device().scope();
    const x = tensor(device(), values([9, 5], 1), [9, 5]);
    const pass = () => backward(sum(square(model.forward(x))));
    const release = (): void => {
      scope[Symbol.dispose]();
      placement.release();
    };
    return { model, pass, release };
  };

  it("scales all gradients by one factor, to the norm that is asked for", async () => {
    const { model, pass, release } = prepared();
    pass();
    const before = await gradientsOf(model);
    const norm = Math.sqrt(before.flat().reduce((n, g) => n + g * g, 0));
    const told = clipGradientNorm(model, 0.5);
    expect(Math.abs((await told.item()) / norm - 1)).toBeLessThan(1e-6);
    const after = await gradientsOf(model);
    after.flat().forEach((g, i) => {
      const wanted = ((before.flat()[i] ?? 0) * 0.5) / (norm + 1e-6);
      expect(Math.abs(g - wanted)).toBeLessThan(1e-6);
    });
    pass();
    clipGradientNorm(model, 2 * norm);
    expect(await gradientsOf(model)).toEqual(before);
    release();
  });

  it("holds each element within the limit", async () => {
    const { model, pass, release } = prepared();
    pass();
    const before = await gradientsOf(model);
    clipGradientValue(model, 0.25);
    const wanted = before.map((one) => one.map((g) => Math.min(0.25, Math.max(-0.25, g))));
    expect(await gradientsOf(model)).toEqual(wanted);
    expect(wanted).not.toEqual(before);
    release();
  });

  it("is part of a recorded step", async () => {
    const called = prepared();
    const replayed = prepared();
    const optimizers = [called, replayed].map(({ model }) => new SGD(model, { lr: 0.1 }));
    const step = (i: number): void => {
      const { model, pass } = i === 0 ? called : replayed;
      pass();
      clipGradientNorm(model, 0.3);
      optimizers[i]?.step();
    };
    for (let t = 0; t < 3; t++) step(0);
    const recording = device().capture(() => {
      using _ = device().scope();
      step(1);
    });
    for (let t = 0; t < 3; t++) recording.replay();
    const read = ({ model }: typeof called) =>
      Promise.all(model.parameters().map(async ([, p]) => [...(await p.value.read())]));
    expect(await read(replayed)).toEqual(await read(called));
    recording.release();
    for (const optimizer of optimizers) optimizer.release();
    for (const { release } of [replayed, called]) release();
  });

  it("refuses limits that are none, and models without gradients", () => {
    const { model, release } = prepared();
    expect(() => clipGradientNorm(model, 1)).toThrow(/clipGradientNorm: none of the parameters/);
    for (const wrong of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => clipGradientNorm(model, wrong)).toThrow(/maxNorm must be .* above 0, not/);
      expect(() => clipGradientValue(model, wrong)).toThrow(/limit must be .* above 0, not/);
    }
    release();
  });
});
