import { describe, expect, it } from "vitest";
import { gradients } from "../../src/autograd/tape.js";
import { hypergradientLoss, outerLoss, Perturbation } from "../../src/defenses/i-bau.js";
import { implicitUnlearning } from "../../src/defenses/index.js";
import { openDevice } from "../../src/device/open.js";
import { place } from "../../src/nn/place.js";
import { noAugmentation } from "../../src/training/batch-input.js";
import {
  dataOf,
  defensesFixture,
  fixtureInput,
  fixtureVictim,
  norm,
  purified,
  resumesBitForBit,
} from "../support/defenses.js";
import { describeOnDevices, testDeviceKinds, useDevice } from "../support/devices.js";
import { unpack } from "../support/fixtures.js";
import { uniform } from "../support/random.js";
import { tuningFixture } from "../support/tuning-fixture.js";

const small = { rounds: 2, batchSize: 16, fixedPoints: 2, lr: 1e-3, perturbationLr: 1 };

describeOnDevices("I-BAU", (device) => {
  it("has PyTorch's hypergradient, found there by double backward passes", async () => {
    const expected = defensesFixture().iBau;
    const { model, placement } = fixtureVictim(device());
    const { side } = tuningFixture();
    model.eval();
    const perturbation = new Perturbation({ height: side, width: side });
    const placed = place(perturbation, device(), { seed: 0 });
    const rgb = uniform(4000, side * side * 3, -0.5, 0.5);
    const channels = Float32Array.from({ length: side * side * 4 }, (_, i) =>
      i % 4 < 3 ? (rgb[Math.floor(i / 4) * 3 + (i % 4)] ?? 0) : 0,
    );
    perturbation.delta.value.write(channels);
    const input = fixtureInput(device());
    const names = Object.keys(expected.gradients);
    const parameters = new Map(model.parameters());
    const found = await (() => {
      using _ = device().scope();
      const batch = { images: input.images(noAugmentation), labels: input.labels };
      const outer = outerLoss(model, perturbation, batch, 0.01);
      const loss = hypergradientLoss(model, perturbation, batch, outer, expected);
      const wrt = names.map((name) => parameters.get(name)?.value ?? outer);
      return Promise.all([outer.read(), ...gradients(loss, wrt).map((g) => g.read())]);
    })();
    const [outer, ...grads] = found;
    expect(Math.abs((outer?.[0] ?? 0) - expected.outer)).toBeLessThan(2e-6);
    names.forEach((name, i) => {
      const { all, direct } = expected.gradients[name] as { all: string; direct: string };
      const [exact, blind] = [unpack(all), unpack(direct)];
      const own = parameters.get(name)?.toHost(grads[i] as Float32Array) as Float32Array;
      const through = norm(exact.map((g, k) => g - (blind[k] ?? 0)));
      const apart = norm(exact.map((g, k) => g - (own[k] ?? Number.NaN)));
      // The part that goes through the perturbation is estimated by differences of float32 gradients,
      // of which it is a hundredth or less: one part in 30 is what rounding leaves of it.
      expect(through / norm(exact), name).toBeGreaterThan(1e-3);
      expect(apart / through, name).toBeLessThan(0.03);
    });
    input.release();
    for (const p of [placed, placement]) p.release();
  });
});

it("does the same on both devices, an inner training within each round", async () => {
  const heads: Float32Array[] = [];
  for (const kind of testDeviceKinds()) {
    const device = await openDevice({ kind });
    // One step: Adam's first steps go by signs, which rounding decides where a gradient is none.
    const options = { ...small, rounds: 1, batchSize: 30, dropLast: true };
    const { before, after } = await purified(device, implicitUnlearning, options);
    expect(dataOf(after, "linear.weight")).not.toEqual(dataOf(before, "linear.weight"));
    heads.push(dataOf(after, "linear.weight"));
    await device.destroy();
  }
  const [first, last] = [heads[0] as Float32Array, heads.at(-1) as Float32Array];
  expect(norm(first.map((w, i) => w - (last[i] ?? 0))) / norm(first)).toBeLessThan(1e-4);
});

describe("I-BAU (cpu)", () => {
  const device = useDevice(() => openDevice({ kind: "cpu" }));

  it("tunes the weights in evaluation mode, round by round", async () => {
    const stages: string[] = [];
    const { before, after } = await purified(device(), implicitUnlearning, small, {
      onStage: (stage) => void stages.push(stage),
    });
    expect(stages).toEqual([
      "the perturbation of round 1/2",
      "unlearning of round 1/2",
      "the perturbation of round 2/2",
      "unlearning of round 2/2",
    ]);
    expect(dataOf(after, "bn1.running_mean")).toEqual(dataOf(before, "bn1.running_mean"));
    expect(dataOf(after, "conv1.weight")).not.toEqual(dataOf(before, "conv1.weight"));
  });

  it("goes on after a pause bit for bit", () =>
    resumesBitForBit(device(), implicitUnlearning, small));
});

it("refuses a perturbation without room", () => {
  const { options } = implicitUnlearning;
  expect(() => options.fill({ radius: 0 })).toThrow(
    /i-bau: radius must be a number above 0, not 0/,
  );
});
