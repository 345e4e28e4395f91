import { expect, it } from "vitest";
import { noGrad } from "../../src/autograd/tape.js";
import { resnet18, resnet34 } from "../../src/models/resnet.js";
import { place, placementOf } from "../../src/nn/place.js";
import { loadStateDict, stateDict } from "../../src/nn/state-dict.js";
import { tensor } from "../../src/tensor/create.js";
import { describeOnDevices } from "../support/devices.js";
import { values } from "../support/values.js";

it("has the parameters of the CIFAR ResNet-18", () => {
  expect(resnet18().parameterCount).toBe(11_173_962);
  expect(resnet34().parameterCount).toBe(21_282_122);
  expect(resnet18().headName).toBe("linear");
});

it("needs a device before its values can be used", () => {
  const net = resnet18({ width: 4 });
  expect(() => net.linear.weight.value).toThrow(/call place/);
  expect(() => placementOf(net)).toThrow(/call place/);
  expect(() => resnet18({ width: 2.5 })).toThrow(/width must be a positive integer, not 2.5/);
});

describeOnDevices("resnet18", (device) => {
  it("names and orders its state_dict as PyTorch does", async () => {
    const net = resnet18({ width: 4 });
    const placement = place(net, device(), { seed: 1 });
    const dict = await stateDict(net);
    const names = [...dict.keys()];
    expect(names.length).toBe(122);
    expect(names.slice(0, 8)).toEqual([
      "conv1.weight",
      "bn1.weight",
      "bn1.bias",
      "bn1.running_mean",
      "bn1.running_var",
      "bn1.num_batches_tracked",
      "layer1.0.conv1.weight",
      "layer1.0.bn1.weight",
    ]);
    expect(names).toContain("layer2.0.shortcut.0.weight");
    expect(names).toContain("layer4.0.shortcut.1.running_var");
    expect(names.slice(-2)).toEqual(["linear.weight", "linear.bias"]);
    expect(dict.get("conv1.weight")?.shape).toEqual([4, 3, 3, 3]);
    expect(dict.get("layer3.0.conv1.weight")?.shape).toEqual([16, 8, 3, 3]);
    placement.release();
  });

  it("draws weights by PyTorch's law, from the seed and the name alone", async () => {
    const one = resnet18({ width: 5, classes: 7 });
    const two = resnet18({ width: 5, classes: 3 });
    const releases = [place(one, device(), { seed: 4 }), place(two, device(), { seed: 4 })];
    const [a, b] = [await stateDict(one), await stateDict(two)];
    const weight = a.get("layer1.0.conv1.weight")?.data as Float32Array;
    expect(weight).toEqual(b.get("layer1.0.conv1.weight")?.data);
    const bound = 1 / Math.sqrt(5 * 9);
    const variance = weight.reduce((s, w) => s + w * w, 0) / weight.length;
    expect(Math.max(...weight.map(Math.abs))).toBeLessThanOrEqual(Math.fround(bound));
    expect(Math.max(...weight.map(Math.abs))).toBeGreaterThan(0.95 * bound);
    expect(Math.abs(variance / (bound ** 2 / 3) - 1)).toBeLessThan(0.2);
    for (const p of releases) p.release();
  });

  it("gives the same logits after its state_dict went into another model", async () => {
    const nets = [resnet18({ width: 3, classes: 5 }), resnet18({ width: 3, classes: 5 })] as const;
    const placements = nets.map((net, i) => place(net, device(), { seed: i }));
    const images = tensor(device(), values([2, 9, 9, 4], 3), [2, 9, 9, 4]);
    // A training pass moves the running statistics, so that they are part of what is compared.
    using _ = device().scope();
    noGrad(() => nets[0].forward(images));
    const dict = await stateDict(nets[0]);
    expect(dict.get("bn1.num_batches_tracked")?.data[0]).toBe(1n);
    loadStateDict(nets[1], dict);
    const logits = await Promise.all(
      nets.map((net) => noGrad(() => net.eval().forward(images)).read()),
    );
    expect(logits[0]).toEqual(logits[1]);
    expect(Math.max(...(logits[0] ?? []).map(Math.abs))).toBeGreaterThan(0.01);
    for (const p of placements) p.release();
  });

  it("says what does not fit when a checkpoint is another model's", async () => {
    const [narrow, wide] = [resnet18({ width: 3 }), resnet18({ width: 4 })];
    const placements = [narrow, wide].map((net) => place(net, device(), { seed: 1 }));
    const dict = await stateDict(narrow);
    expect(() => loadStateDict(wide, dict)).toThrow(
      /conv1.weight is \[3, 3, 3, 3\], the model has/,
    );
    dict.delete("linear.bias");
    dict.set("extra", { dtype: "F32", shape: [1], data: Float32Array.of(1) });
    expect(() => loadStateDict(narrow, dict)).toThrow(
      /missing: linear.bias \[10\]; unknown: extra/,
    );
    dict.delete("extra");
    dict.set("linear.bias", { dtype: "F32", shape: [10], data: new Float32Array(3) });
    expect(() => loadStateDict(narrow, dict)).toThrow(
      /linear.bias has 3 values for the shape \[10\], which takes 10/,
    );
    for (const p of placements) p.release();
  });
});
