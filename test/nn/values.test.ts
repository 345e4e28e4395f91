import { expect, it } from "vitest";
import { checkGradients } from "../../src/autograd/check.js";
import { backward, gradients, noGrad } from "../../src/autograd/index.js";
import type { Device } from "../../src/device/device.js";
import { features } from "../../src/nn/features.js";
import { FoldedNorms } from "../../src/nn/folding.js";
import { BatchNorm2d } from "../../src/nn/layers.js";
import { loadStateDict, stateDict } from "../../src/nn/state-dict.js";
import { flatValues, viewValues, withValues } from "../../src/nn/values.js";
import { affine, mul, square, tanh } from "../../src/ops/elementwise.js";
import { globalAvgPool } from "../../src/ops/pool2d.js";
import { sum } from "../../src/ops/reduce.js";
import { tensor } from "../../src/tensor/create.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { describeOnDevices } from "../support/devices.js";
import { uniform } from "../support/random.js";
import { tinyModel } from "../support/tiny.js";

/** A tiny ResNet in evaluation mode whose statistics are not those of the start. */
async function setUp(device: Device) {
  const made = tinyModel(device);
  const { model } = made;
  const images = tensor(device, uniform(3, 3 * 9 * 9 * 4, -2, 2), [3, 9, 9, 4]).keep();
  using _ = device.scope();
  noGrad(() => model.forward(images));
  await device.finish();
  model.eval();
  return { ...made, images };
}

describeOnDevices("withValues", (device) => {
  it("runs a model on a perturbed copy as if the copy were loaded", async () => {
    const { model, placement, images } = await setUp(device());
    const before = await stateDict(model);
    const scope = device().scope();
    const flat = affine(flatValues(model).detach(), 1.25, 0.001);
    const shifted = affine(flatValues(model, "statistics"), 1.5, 0.125);
    const values = new Map([
      ...viewValues(model, flat),
      ...viewValues(model, shifted, "statistics"),
    ]);
    const run = () => noGrad(() => model.forward(images));
    const folded = new FoldedNorms();
    folded.run(() => model.forward(images));
    const perturbed = [
      withValues(model, values, run),
      // Weights that were folded before must not be taken.
      folded.run(() => withValues(model, values, run)),
    ];
    const [once = [], again = []] = await Promise.all(perturbed.map((y) => y.read()));
    expect([...again]).toEqual([...once]);
    const plain = await run().read();
    expect([...plain]).not.toEqual([...once]);
    expect(await stateDict(model)).toEqual(before);

    const other = tinyModel(device(), 9);
    loadStateDict(other.model, before);
    other.model.eval();
    const { values: own, statistics } = other.placement;
    device().run("copy", { src: flat.slice, dst: own });
    device().run("copy", { src: shifted.slice, dst: statistics });
    expect([...(await noGrad(() => other.model.forward(images)).read())]).toEqual([...once]);
    folded.release();
    scope[Symbol.dispose]();
    for (const p of [placement, other.placement]) p.release();
    images.release();
  });

  it("gives gradients to masks and noise on batch norm's scale and shift", async () => {
    const { model, placement, images } = await setUp(device());
    const norms = model.modules().filter(([, m]) => m instanceof BatchNorm2d);
    const [name = "", norm] = norms[2] as [string, BatchNorm2d];
    const channels = norm.weight.size;
    const mask = tensor(device(), uniform(4, channels, 0.5, 1), [channels]).keep();
    const shift = tensor(device(), uniform(5, channels), [channels]).keep();
    const loss = ([m, s]: readonly Tensor[]): Tensor => {
      const values = new Map([
        [`${name}.weight`, mul(norm.weight.value, m as Tensor)],
        [`${name}.bias`, mul(tanh(s as Tensor), m as Tensor)],
      ]);
      return sum(square(withValues(model, values, () => model.forward(images))));
    };
    for (const [, p] of model.parameters()) p.trainable = false;
    const found = await checkGradients(loss, [mask, shift], { step: 3e-3 });
    expect(found.maxError).toBeLessThan(2e-2);
    for (const x of [mask, shift, images]) x.release();
    placement.release();
  });

  it("refuses names, shapes and asynchronous bodies, and puts the values back", async () => {
    const { model, placement, images } = await setUp(device());
    const scope = device().scope();
    const y = noGrad(() => model.forward(images));
    const bad = tensor(device(), [1, 2, 3]);
    const use = (name: string, value: Tensor) =>
      withValues(model, new Map([[name, value]]), () => model.forward(images));
    expect(() => use("layer9.weight", bad)).toThrow(
      /nothing named layer9.weight; it has conv1.weight/,
    );
    expect(() => use("bn1.weight", bad)).toThrow(/bn1.weight must be \[4\] f32/);
    expect(() => use("bn1.weight", tensor(device(), [1, 2, 3, 4], [4], "u32"))).toThrow(/u32/);
    const wide = tensor(device(), [1, 2, 3, 4]);
    expect(() => withValues(model, new Map([["bn1.weight", wide]]), async () => 1)).toThrow(
      /must not be asynchronous/,
    );
    expect(() =>
      withValues(model, new Map([["bn1.weight", wide]]), () => {
        throw new Error("mine");
      }),
    ).toThrow("mine");
    expect(() => viewValues(model, wide)).toThrow(/needs \d+ f32 values/);
    const after = noGrad(() => model.forward(images));
    expect([...(await after.read())]).toEqual([...(await y.read())]);
    scope[Symbol.dispose]();
    images.release();
    placement.release();
  });
});

describeOnDevices("features", (device) => {
  it("gives inner activations, with gradients through them", async () => {
    const { model, placement, images } = await setUp(device());
    const scope = device().scope();
    const names = ["layer2", "linear:input", "layer1.0.bn1"];
    const run = features(model, images, names);
    const whole = model.forward(images);
    expect([...(await run.output.read())]).toEqual([...(await whole.read())]);
    const {
      "linear:input": head,
      layer2,
      "layer1.0.bn1": norm,
    } = run.features as Record<string, Tensor>;
    expect([...((await head?.read()) ?? [])]).toEqual([...(await model.features(images).read())]);
    expect(layer2?.shape).toEqual([3, 5, 5, 8]);
    // The pass of that norm ends in a ReLU.
    expect(Math.min(...((await norm?.read()) ?? [-1]))).toBe(0);
    backward(sum(square(globalAvgPool(layer2 as Tensor))));
    const slope = await model.conv1.weight.value.grad?.read();
    expect(slope?.some((g) => Math.abs(g) > 1e-4)).toBe(true);
    scope[Symbol.dispose]();
    images.release();
    placement.release();
  });

  it("masks channels on their way, and the mask has its gradient", async () => {
    const { model, placement, images } = await setUp(device());
    for (const [, p] of model.parameters()) p.trainable = false;
    const mask = tensor(device(), uniform(6, 8, 0.2, 1), [8]).keep();
    const loss = ([m]: readonly Tensor[]): Tensor => {
      const edit = { "layer2.0": (x: Tensor) => mul(x, m as Tensor) };
      return sum(square(features(model, images, [], { edit }).output));
    };
    expect((await checkGradients(loss, [mask], { step: 3e-3 })).maxError).toBeLessThan(2e-2);
    const scope = device().scope();
    const one = gradients(sum(model.forward(images.withGrad())), [images])[0];
    expect((await one?.read())?.some((g) => g !== 0)).toBe(true);
    scope[Symbol.dispose]();
    for (const x of [mask, images]) x.release();
    placement.release();
  });

  it("refuses what does not run or changes shape, and leaves the model as it was", async () => {
    const { model, placement, images } = await setUp(device());
    using _ = device().scope();
    expect(() => features(model, images, ["layer7"])).toThrow(
      /no module "layer7"; it has conv1, bn1/,
    );
    expect(() => features(model, images, ["layer2.0.shortcut"])).toThrow(
      /did not run by its forward/,
    );
    const edit = { layer1: (x: Tensor) => globalAvgPool(x) };
    expect(() => features(model, images, [], { edit })).toThrow(
      /the edit of layer1 gives \[3, 4\]/,
    );
    expect(Object.keys(model)).not.toContain("forward");
    expect(Object.getOwnPropertyNames(model.layer1)).not.toContain("forward");
    await device().finish();
    images.release();
    placement.release();
  });
});
