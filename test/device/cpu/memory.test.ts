import { expect, test } from "vitest";
import { openCpuDevice } from "../../../src/device/cpu/open.js";
import { LimitError } from "../../../src/device/errors.js";
import { add, floats, slice, upload, values } from "./support.js";

const MiB = 1 << 20;

test.each([{ threads: 2 }, { workers: false }])(
  "a steady step creates no buffer, staging included (%o)",
  async (options) => {
    const device = await openCpuDevice(options);
    const step = async (seed: number): Promise<Float32Array> => {
      using _scope = device.scope();
      const [x, y] = [upload(device, values(4001, seed)), upload(device, values(4001, 2))];
      const out = slice(device, 4001);
      add(device, x, y, out);
      const [sum, total] = [
        { x: out, out: slice(device, 1) },
        { outer: 1, reduced: 4001, inner: 1 },
      ];
      device.run("reduce", { op: "sum", ...sum, ...total });
      return floats(device, sum.out);
    };
    await step(1);
    await step(3);
    const { buffersCreated, bytesReserved } = device.counters;
    for (let i = 0; i < 50; i++) await step(i);
    expect(device.counters.buffersCreated).toBe(buffersCreated);
    expect(device.counters.bytesReserved).toBe(bytesReserved);
    expect(device.counters.bytesInUse).toBe(0);
    expect(device.counters.dispatches).toBeGreaterThan(52 * 5);
    await device.destroy();
  },
);

test.each([{ threads: 2 }, { workers: false }])(
  "memory grows while commands run, and nothing moves (%o)",
  async (options) => {
    const device = await openCpuDevice(options);
    const n = 5 * MiB + 3;
    const kept = upload(device, values(1001));
    const big = Array.from({ length: 8 }, (_, i) => {
      const target = slice(device, n, `tensor ${i}`);
      device.run("fill", { dst: target, value: i + 0.5 });
      return target;
    });
    expect(device.counters.bytesReserved).toBeGreaterThan(8 * 4 * n);
    for (const [i, target] of big.entries()) {
      const tail = { ...target, offset: n - 3 - ((n - 3) % 64), length: 3 };
      expect(await floats(device, tail)).toEqual(new Float32Array(3).fill(i + 0.5));
    }
    expect(await floats(device, kept)).toEqual(values(1001));
    await device.destroy();
  },
);

test("a full device trims its pool, and otherwise says what does not fit", async () => {
  const device = await openCpuDevice({ threads: 2, maxBytes: 64 * MiB });
  for (let megabytes = 1; megabytes < 40; megabytes += 3) {
    using _scope = device.scope();
    const target = slice(device, (megabytes * MiB) / 4 + 1);
    device.run("fill", { dst: target, value: megabytes });
    const end = { ...target, offset: (megabytes * MiB) / 4, length: 1 };
    expect(await floats(device, end)).toEqual(Float32Array.of(megabytes));
  }
  slice(device, (30 * MiB) / 4, "the first half");
  expect(() => slice(device, (40 * MiB) / 4, "activations of layer1")).toThrow(LimitError);
  expect(() => slice(device, (40 * MiB) / 4, "activations of layer1")).toThrow(
    /activations of layer1 needs \d+ bytes.*67108864/,
  );
  expect(() => slice(device, 20 * MiB, "far too much")).toThrow(/largest single tensor/);
  const small = upload(device, values(77));
  expect(await floats(device, small)).toEqual(values(77));
  await device.destroy();
});

test("a tensor behind the first 2 GiB has an address like any other", async () => {
  const device = await openCpuDevice({ threads: 2 });
  // Untouched pages cost address space only.
  slice(device, 540 * MiB, "ballast");
  const target = upload(device, values(70_001));
  const out = slice(device, 70_001);
  add(device, target, target, out);
  expect(await floats(device, out)).toEqual(values(70_001).map((v) => 2 * v));
  await device.destroy();
});
