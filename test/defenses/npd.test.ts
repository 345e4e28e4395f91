import { describe, expect, it } from "vitest";
import { noGrad } from "../../src/autograd/tape.js";
import { neuralPolarizer } from "../../src/defenses/index.js";
import { Polarizer, polarizerLoss } from "../../src/defenses/npd.js";
import { PixelScale } from "../../src/defenses/pixels.js";
import { openDevice } from "../../src/device/open.js";
import { place } from "../../src/nn/place.js";
import { stateDict } from "../../src/nn/state-dict.js";
import { constantRate } from "../../src/optim/schedules.js";
import { SGD } from "../../src/optim/sgd.js";
import { noAugmentation } from "../../src/training/batch-input.js";
import { fit } from "../../src/training/fit.js";
import {
  defensesFixture,
  fixtureImages,
  fixtureInput,
  fixtureVictim,
  norm,
  purified,
  resumesBitForBit,
} from "../support/defenses.js";
import { describeOnDevices, useDevice } from "../support/devices.js";
import { unpack } from "../support/fixtures.js";
import { values } from "../support/values.js";

const small = { epochs: 2, batchSize: 16, lr: 0.05 };

describeOnDevices("NPD", (device) => {
  it.each(defensesFixture().npd.map((one) => [one.options, one] as const))(
    "takes PyTorch's steps with %o",
    async (options, expected) => {
      const { model, placement } = fixtureVictim(device());
      model.eval();
      for (const [, p] of model.parameters()) p.trainable = false;
      const set = fixtureImages();
      const filter = new Polarizer(model, "layer4.1.conv1", 64);
      const placed = place(filter, device(), { seed: 0 });
      const scale = new PixelScale(device(), set);
      const optimizer = new SGD(filter, { lr: 0.01, momentum: 0.9, weightDecay: 5e-4 });
      const losses: number[] = [];
      await fit(filter, set, optimizer, {
        ...{ epochs: 2, batchSize: 6, seed: 0, schedule: constantRate(0.01) },
        objective: (batch, { report }) => {
          const { loss, clean } = polarizerLoss(filter, batch, scale, options);
          report("loss", clean);
          return loss;
        },
        onStep: ({ loss }) => void losses.push(loss),
      });
      expected.losses64.forEach((loss, i) => {
        expect(Math.abs((losses[i] ?? Number.NaN) - loss), `loss ${i}`).toBeLessThan(4e-6);
      });
      const own = filter.weight.toHost(await filter.weight.value.read());
      const exact = unpack(expected.head64);
      const identity = exact.map((_, i) => (i % 65 === 0 ? 1 : 0));
      const moved = norm(exact.map((v, i) => v - (identity[i] ?? 0)));
      expect(own.length).toBe(exact.length);
      const apart = norm(exact.map((v, i) => v - (own[i] ?? Number.NaN)));
      expect(moved).toBeGreaterThan(1e-3);
      expect(apart / moved).toBeLessThan(1e-3);
      optimizer.release();
      scale.release();
      for (const p of [placed, placement]) p.release();
    },
  );
});

describe("NPD (cpu)", () => {
  const device = useDevice(() => openDevice({ kind: "cpu" }));

  it("is multiplied into the convolution behind it: the network is the same without it", async () => {
    const { model, placement } = fixtureVictim(device());
    model.eval();
    const conv = model.modules().find(([path]) => path === "layer4.1.conv1")?.[1] as never;
    const filter = new Polarizer(model, "layer4.1.conv1", 64);
    const placed = place(filter, device(), { seed: 0 });
    const drawn = values([64, 64], 3, -0.1, 0.1);
    filter.weight.value.write(drawn.map((v, i) => (i % 65 === 0 ? 1 + v : v)));
    const input = fixtureInput(device());
    const logits = async (run: { forward: typeof model.forward }): Promise<Float32Array> => {
      using _ = device().scope();
      return noGrad(() => run.forward(input.images(noAugmentation))).read();
    };
    const [before, through] = [await logits(model), await logits(filter)];
    await filter.multiplyInto(conv);
    const after = await logits(model);
    input.release();
    for (const p of [placed, placement]) p.release();
    const apart = (a: Float32Array, b: Float32Array): number =>
      norm(a.map((v, i) => v - (b[i] ?? 0))) / norm(a);
    expect(apart(through, after)).toBeLessThan(2e-6);
    expect(apart(before, after)).toBeGreaterThan(1e-2);
  });

  it("changes one convolution and nothing else", async () => {
    const { before, after } = await purified(device(), neuralPolarizer, small);
    const changed = [...before].flatMap(([name, { data }]) =>
      data.some((v, i) => v !== after.get(name)?.data[i]) ? [name] : [],
    );
    expect(changed).toEqual(["layer4.1.conv1.weight"]);
    const other = await purified(device(), neuralPolarizer, { ...small, layer: "layer3.0.conv2" });
    expect(other.after.get("layer4.1.conv1.weight")).toEqual(before.get("layer4.1.conv1.weight"));
    expect(other.after.get("layer3.0.conv2.weight")).not.toEqual(
      before.get("layer3.0.conv2.weight"),
    );
  });

  it("goes on after a pause bit for bit", () => resumesBitForBit(device(), neuralPolarizer, small));

  it("names the convolutions where there is none of that path, before anything is changed", async () => {
    const { model, placement } = fixtureVictim(device());
    const before = await stateDict(model);
    const run = neuralPolarizer.run(model, fixtureImages(), { layer: "layer9" });
    await expect(run).rejects.toThrow(/npd: the model has no convolution layer9; .*layer1.0.conv1/);
    expect(await stateDict(model)).toEqual(before);
    placement.release();
  });
});
