import { expect, test } from "vitest";
import { sliceAlignment } from "../../../src/device/storage.js";
import { describeOnDevices, readFloats } from "../../support/devices.js";
import { kernelCase, testKernelCases } from "../../support/kernel-case.js";
import { output, outputWords, uniform, words } from "../../support/random.js";

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
