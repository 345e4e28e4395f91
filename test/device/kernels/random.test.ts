import { describe, expect, test } from "vitest";
import { philox } from "../../reference/random.js";
import { exact } from "../../support/compare.js";
import { describeOnDevices } from "../../support/devices.js";
import { kernelCase, testKernelCases } from "../../support/kernel-case.js";
import { output, words } from "../../support/random.js";

/** The known answers that Random123 publishes for philox4x32-10. */
describe("the Philox reference", () => {
  const ones = 0xffffffff;
  test.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [ones, ones, ones, ones],
      [ones, ones],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])("counter %j, key %j", (counter, key, expected) => {
    const [c0 = 0, c1 = 0, c2 = 0, c3 = 0] = counter;
    const [k0 = 0, k1 = 0] = key;
    expect(philox([c0, c1, c2, c3], [k0, k1])).toEqual(expected);
  });
});

const lengths = [1, 2, 3, 4, 5, 257, 4099];

// With these bounds low + (high - low) * u rounds nowhere, so every bit must agree.
const uniforms = [
  ...lengths.map((n) =>
    kernelCase(
      "random",
      `${n} uniform in [0, 1)`,
      () => ({ op: "uniform", out: output(n), state: words(n, 4), low: 0, high: 1 }),
      { out: exact },
    ),
  ),
  kernelCase(
    "random",
    "4099 uniform in [-1, 1)",
    () => ({ op: "uniform", out: output(4099), state: words(1, 4), low: -1, high: 1 }),
    { out: exact },
  ),
  kernelCase("random", "4099 uniform in [-0.3, 0.7)", () => ({
    op: "uniform",
    out: output(4099),
    state: Uint32Array.of(1, 0, 0, 1),
    low: -0.3,
    high: 0.7,
  })),
];

const normals = [...lengths, 65537].map((n) =>
  kernelCase("random", `${n} normal`, () => ({
    op: "normal",
    out: output(n),
    state: words(n + 1, 4),
    low: 0.5,
    high: 1.5,
  })),
);

describeOnDevices("random", (device) => testKernelCases(device, [...uniforms, ...normals]));
