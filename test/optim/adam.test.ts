import { expect, it } from "vitest";
import { Linear } from "../../src/nn/layers.js";
import { Sequential } from "../../src/nn/module.js";
import { place } from "../../src/nn/place.js";
import { Adam } from "../../src/optim/adam.js";
import { oneCycle } from "../../src/optim/schedules.js";
import { tensor } from "../../src/tensor/create.js";
import { expectClose, maxRelative } from "../support/compare.js";
import { describeOnDevices } from "../support/devices.js";
import {
  operationFixtures,
  trajectoryGradient,
  trajectoryStart,
  unpack,
} from "../support/fixtures.js";
import { values } from "../support/values.js";

const fixtures = operationFixtures();
const trajectories = [
  ...fixtures.adam.map((fixture) => ({ ...fixture, name: "Adam", decoupled: false })),
  ...fixtures.adamw.map((fixture) => ({ ...fixture, name: "AdamW", decoupled: true })),
];

describeOnDevices("Adam", (device) => {
  it.each(trajectories)("follows PyTorch's $name $settings", async (fixture) => {
    const { settings, length, steps, decoupled } = fixture;
    const { lr, betas, eps = 1e-8, weight_decay: weightDecay } = settings;
    expect(steps).toBeGreaterThan(20);
    const layer = new Linear(length, 1, { bias: false });
    const placement = place(layer, device(), { seed: 3 });
    const { value } = layer.weight;
    value.write(trajectoryStart(length));
    const optimizer = new Adam(layer, { lr, betas, eps, weightDecay, decoupled });
    const path = new Float64Array(steps * length);
    for (let t = 0; t < steps; t++) {
      using _ = device().scope();
      value.grad = tensor(device(), trajectoryGradient(t, length), value.shape);
      optimizer.step();
      path.set(await value.read(), t * length);
    }
    expectClose("parameters", path, unpack(fixture.params), maxRelative);
    expect(await optimizer.steps()).toBe(steps);
    for (const made of [optimizer, placement]) made.release();
  });

  it("counts a step once, however many stretches of parameters there are", async () => {
    const net = new Sequential(new Linear(5, 7), new Linear(7, 3), new Linear(3, 2));
    const placement = place(net, device(), { seed: 3 });
    const parameters = net.parameters().map(([, p]) => p);
    const frozen = parameters[2];
    if (!frozen) throw new Error("no third parameter");
    frozen.trainable = false;
    const before = await Promise.all(parameters.map((p) => p.value.read()));
    const optimizer = new Adam(net, { lr: 0.125 });
    {
      using _ = device().scope();
      for (const p of parameters) {
        p.value.grad = tensor(device(), values(p.deviceShape, 5), p.deviceShape);
      }
    }
    optimizer.step();
    expect(await optimizer.steps()).toBe(1);
    // The first step is lr * sign(gradient), up to eps.
    for (const [i, p] of parameters.entries()) {
      const signs = values(p.deviceShape, 5).map(Math.sign);
      const after = await p.value.read();
      after.forEach((w, k) => {
        const moved = p === frozen ? 0 : 0.125 * (signs[k] ?? Number.NaN);
        expect(w).toBeCloseTo((before[i]?.[k] ?? Number.NaN) - moved, 6);
      });
    }
    for (const made of [optimizer, placement]) made.release();
  });

  it("refuses a momentum, and betas that are no decay rates", () => {
    const layer = new Linear(5, 3);
    const placement = place(layer, device(), { seed: 3 });
    const optimizer = new Adam(layer);
    const schedule = oneCycle(0.1, 10, { momentum: [0.85, 0.95] });
    expect(() => optimizer.set(schedule(0))).toThrow(
      /set to 0.95; use a schedule without momentum/,
    );
    expect(() => new Adam(layer, { betas: [0.9, 1] })).toThrow(/in \[0, 1\), not 0.9 and 1$/);
    for (const made of [optimizer, placement]) made.release();
  });
});
