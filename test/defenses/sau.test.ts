import { describe, expect, it } from "vitest";
import { gradients } from "../../src/autograd/tape.js";
import { sharedUnlearning } from "../../src/defenses/index.js";
import { predicted } from "../../src/defenses/logits.js";
import { PixelScale } from "../../src/defenses/pixels.js";
import { sharedChange, sharingLoss, unlearningLoss } from "../../src/defenses/sau.js";
import { Snapshot } from "../../src/defenses/snapshot.js";
import { openDevice } from "../../src/device/open.js";
import { tensor } from "../../src/tensor/create.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { noAugmentation } from "../../src/training/batch-input.js";
import {
  dataOf,
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
import { uniform } from "../support/random.js";

const small = { epochs: 2, batchSize: 16, ascents: 2, augmentation: { pad: 1, flip: true } };

describeOnDevices("SAU", (device) => {
  it("has PyTorch's losses and gradients", async () => {
    const expected = defensesFixture().sau;
    const { count, classes } = expected;
    const read = await (() => {
      using _ = device().scope();
      const [own, told, cleanOwn, cleanTold] = [0, 1, 2, 3].map((i) =>
        tensor(device(), uniform(5000 + i, count * classes, -2, 2), [count, classes]),
      ) as [Tensor, Tensor, Tensor, Tensor];
      const labels = tensor(
        device(),
        Array.from({ length: count }, (_, i) => i % classes),
        [count],
        "u32",
      );
      own.withGrad();
      told.withGrad();
      const weights = { adversarial: 0.3, shared: 0.7 };
      const clean = [predicted(cleanOwn), predicted(cleanTold)] as const;
      const sharing = sharingLoss([own, told], clean, labels, weights);
      const unlearning = unlearningLoss(own, [cleanTold, told], labels);
      const all = [
        ...[sharing, unlearning],
        ...gradients(sharing, [own, told]),
        ...gradients(unlearning, [own]),
      ];
      return Promise.all(all.map((x) => x.read()));
    })();
    const [sharing, unlearning, dOwn, dTold, dUnlearning] = read;
    expect(Math.abs((sharing?.[0] ?? 0) - expected.sharing)).toBeLessThan(1e-6);
    expect(Math.abs((unlearning?.[0] ?? 0) - expected.unlearning)).toBeLessThan(1e-6);
    for (const [found, packed] of [
      [dOwn, expected.dOwn],
      [dTold, expected.dTold],
      [dUnlearning, expected.dUnlearning],
    ] as const) {
      const exact = unpack(packed);
      const apart = norm(exact.map((g, i) => g - (found?.[i] ?? Number.NaN)));
      expect(apart / norm(exact)).toBeLessThan(2e-6);
    }
  });

  it("changes images within the bound, down the loss, and not beyond their channels", async () => {
    const { model, placement } = fixtureVictim(device());
    model.eval();
    const reference = new Snapshot(model);
    // Another model than the reference: its head has moved.
    const head = await model.linear.weight.value.read();
    model.linear.weight.value.write(head.map((w, i) => w + 0.2 * Math.sin(i)));
    const set = fixtureImages();
    const scale = new PixelScale(device(), set);
    const input = fixtureInput(device());
    const options = { eps: 0.1, step: 0.05, ascents: 3, adversarial: 0.01, shared: 1 };
    const [change, before, after] = await (() => {
      using _ = device().scope();
      const batch = { images: input.images(noAugmentation), labels: input.labels };
      const own = sharedChange(model, reference, batch, scale, options);
      const still = sharedChange(model, reference, batch, scale, { ...options, step: 1e-9 });
      const lossOf = (moved: Tensor): Tensor => {
        const run = (by: Tensor) => model.forward(by);
        const logits = [moved, batch.images].map((x) => [run(x), reference.run(() => run(x))]);
        const [now, clean] = logits as [[Tensor, Tensor], [Tensor, Tensor]];
        const kept = [predicted(clean[0]), predicted(clean[1])] as const;
        return sharingLoss(now, kept, batch.labels, options);
      };
      const losses = [still, own].map((d) => {
        const all = tensor(device(), new Float32Array(d.size), d.shape);
        device().run("elementwise", {
          kernel: "add",
          inputs: [batch.images, d].map(({ slice }) => ({ slice, strides: [1] })),
          out: all.slice,
          shape: [all.size],
          scalars: [0, 0],
        });
        return lossOf(all).read();
      });
      return Promise.all([own.read(), ...losses]);
    })();
    const bound = 0.1 / (set.std[0] ?? 1);
    change?.forEach((d, i) => {
      if (i % 4 === 3) expect(d).toBe(0);
      else expect(Math.abs(d)).toBeLessThan(bound * (1 + 1e-5));
    });
    expect(new Set(change).size).toBeGreaterThan(2);
    expect(after?.[0] ?? 0).toBeLessThan(before?.[0] ?? 0);
    input.release();
    scale.release();
    reference.release();
    placement.release();
  });
});

describe("SAU (cpu)", () => {
  const device = useDevice(() => openDevice({ kind: "cpu" }));

  it("tunes the weights and leaves running statistics alone", async () => {
    const { before, after } = await purified(device(), sharedUnlearning, small);
    expect(dataOf(after, "bn1.running_var")).toEqual(dataOf(before, "bn1.running_var"));
    expect(dataOf(after, "layer2.0.conv1.weight")).not.toEqual(
      dataOf(before, "layer2.0.conv1.weight"),
    );
  });

  it("goes on after a pause bit for bit, from the reference it had", () =>
    resumesBitForBit(device(), sharedUnlearning, small));
});

it("refuses a change larger than a pixel", () => {
  const { options } = sharedUnlearning;
  expect(() => options.fill({ eps: 8 })).toThrow(/sau: eps must be a number above 0 and at most 1/);
});
