import { expect, test } from "vitest";
import { sliceAlignment } from "../../../src/device/storage.js";
import { describeOnDevices, readFloats } from "../../support/devices.js";
import { kernelCase, testKernelCases } from "../../support/kernel-case.js";
import { output, outputWords, product, uniform, words } from "../../support/random.js";

const lengths = [1, 2, 3, 35, 257, 4099, 65537];

const copies = [
  ...lengths.map((n) =>
    kernelCase("copy", `${n} floats`, () => ({ src: uniform(n, n), dst: output(n) })),
  ),
  kernelCase("copy", "4099 words of any bits", () => ({
    src: words(1, 4099),
    dst: outputWords(4099),
  })),
  kernelCase("copy", "not-a-number keeps its bits", () => ({
    src: Uint32Array.of(0x7fc00001, 0xffc12345, 0x7f800000, 0x80000000, 1),
    dst: outputWords(5),
  })),
];

const fills = [
  ...lengths.map((n) =>
    kernelCase("fill", `${n} times -0.1`, () => ({ dst: output(n), value: -0.1 })),
  ),
  kernelCase("fill", "zero", () => ({ dst: output(7), value: 0 })),
];

const permutations: readonly (readonly [shape: number[], perm: number[]])[] = [
  [[1], [0]],
  [[257], [0]],
  [
    [7, 5],
    [1, 0],
  ],
  [
    [67, 131],
    [1, 0],
  ],
  [
    [64, 64],
    [1, 0],
  ],
  [
    [1, 37],
    [1, 0],
  ],
  [
    [3, 5, 7],
    [2, 0, 1],
  ],
  [
    [3, 5, 7],
    [0, 2, 1],
  ],
  [
    [2, 3, 11, 13],
    [0, 2, 3, 1],
  ],
  [
    [2, 11, 13, 3],
    [0, 3, 1, 2],
  ],
  [
    [16, 5, 3, 3],
    [2, 3, 1, 0],
  ],
  [
    [2, 3, 4, 5, 3],
    [4, 1, 3, 0, 2],
  ],
  [
    [2, 3, 2, 5, 3, 7],
    [5, 3, 1, 0, 2, 4],
  ],
];

const permutes = permutations.map(([shape, perm]) =>
  kernelCase("permute", `[${shape}] by ${perm}`, () => ({
    x: uniform(3, product(shape)),
    out: output(product(shape)),
    shape,
    perm,
  })),
);

describeOnDevices("copy", (device) => testKernelCases(device, copies));
describeOnDevices("fill", (device) => {
  testKernelCases(device, fills);

  test("more workgroups of 256 than one dimension of a dispatch can have", async () => {
    const length = 65_537 * 256 + 3;
    using _scope = device().scope();
    const storage = device().allocate(4 * (length + 64), "many elements");
    device().run("fill", { dst: { storage, offset: 0, length: length + 64 }, value: -1 });
    device().run("fill", { dst: { storage, offset: 0, length }, value: 3.5 });
    const last = Math.floor(length / sliceAlignment) * sliceAlignment;
    for (const offset of [0, 65_535 * 256, 65_536 * 256, last]) {
      const got = await readFloats(device(), { storage, offset, length: 64 });
      expect(got).toEqual(Float32Array.from(got, (_, i) => (offset + i < length ? 3.5 : -1)));
    }
  });
});
describeOnDevices("permute", (device) => testKernelCases(device, permutes));
