import { expect, test } from "vitest";
import type { Slice } from "../../../src/device/storage.js";
import { openWebGpuDevice } from "../../../src/device/webgpu/device.js";
import { useDevice } from "../../support/devices.js";

const device = useDevice(openWebGpuDevice);

const slice = (length: number, label = "test"): Slice => ({
  storage: device().allocate(length * 4, label),
  offset: 0,
  length,
});
const floats = async (source: Slice): Promise<number[]> => [
  ...new Float32Array(await device().read(source)),
];
const ramp = (length: number, start = 1): Float32Array =>
  Float32Array.from({ length }, (_, i) => start + i);
const add = (x: Slice, y: Slice, out: Slice): void =>
  device().run("elementwise", {
    kernel: "add",
    inputs: [
      { slice: x, strides: [1] },
      { slice: y, strides: [1] },
    ],
    out,
    shape: [out.length],
    scalars: [0, 0],
  });

test("a write after a dispatch that reads the same storage does not overtake it", async () => {
  const [source, first, second] = [slice(7), slice(7), slice(7)];
  device().write(source, ramp(7));
  device().run("copy", { src: source, dst: first });
  device().write(source, ramp(7, 100));
  device().run("copy", { src: source, dst: second });
  expect(await floats(first)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(await floats(second)).toEqual([100, 101, 102, 103, 104, 105, 106]);
});

test("a write into a block that pending commands used under another name waits for them", async () => {
  const kept = slice(5);
  {
    using _scope = device().scope();
    const temporary = slice(5, "before");
    device().run("fill", { dst: temporary, value: 3 });
    device().run("copy", { src: temporary, dst: kept });
    device().keep(kept.storage);
  }
  const reused = slice(5, "after");
  device().write(reused, ramp(5, 50));
  expect(await floats(kept)).toEqual([3, 3, 3, 3, 3]);
  expect(await floats(reused)).toEqual([50, 51, 52, 53, 54]);
});

test("a write takes part of a typed array, and shared memory", async () => {
  const target = slice(3);
  device().write(target, ramp(9).subarray(4, 7));
  expect(await floats(target)).toEqual([5, 6, 7]);
  const shared = new Float32Array(new SharedArrayBuffer(12));
  shared.set([7, 8, 9]);
  device().write(target, shared);
  expect(await floats(target)).toEqual([7, 8, 9]);
});

test("reads may overlap and come back in their own places", async () => {
  const slices = [3, 900, 70_001].map((length, i) => {
    const target = slice(length);
    device().run("fill", { dst: target, value: i + 0.5 });
    return target;
  });
  const results = await Promise.all(slices.map(floats));
  for (const [i, result] of results.entries()) {
    expect(result.length).toBe(slices[i]?.length);
    expect(new Set(result)).toEqual(new Set([i + 0.5]));
  }
});

test("more workgroups than a dimension allows are folded", async () => {
  // One row of 64 lanes per group and vec4s: 70,000 groups and a rest.
  const target = slice(70_000 * 64 + 13);
  const rows = slice(1);
  device().write(rows, new Uint32Array([0]));
  device().run("oneHot", {
    index: rows,
    out: target,
    picked: 1,
    classes: target.length,
    on: 5,
    off: 2,
  });
  const values = new Float32Array(await device().read(target));
  expect(values[0]).toBe(5);
  expect(values.slice(1).every((value) => value === 2)).toBe(true);
});

test("a steady step creates no buffer, no bind group and no pipeline, and submits once a write", async () => {
  const parameters = slice(999);
  const hyper = slice(4);
  device().run("fill", { dst: parameters, value: 1 });
  const velocity = slice(999);
  device().run("fill", { dst: velocity, value: 0 });
  const step = async (i: number): Promise<number[]> => {
    using _scope = device().scope();
    device().write(hyper, new Float32Array([0.1 / (i + 1), 0.9, 5e-4, 0]));
    let grads = slice(999);
    device().run("fill", { dst: grads, value: 0.25 });
    for (let k = 0; k < 40; k++) {
      const next = slice(999);
      add(grads, parameters, next);
      grads = next;
    }
    device().run("sgd", { params: parameters, grads, velocity, hyper, skip: null });
    const norm = slice(1);
    const shape = { outer: 1, reduced: 999, inner: 1 };
    device().run("reduce", { op: "sum", x: parameters, out: norm, ...shape });
    return floats(norm);
  };
  for (let i = 0; i < 3; i++) await step(i);
  const before = { ...device().counters };
  for (let i = 0; i < 5; i++) await step(i);
  const after = device().counters;
  expect(after.buffersCreated).toBe(before.buffersCreated);
  expect(after.bindGroupsCreated).toBe(before.bindGroupsCreated);
  expect(after.pipelinesCreated).toBe(before.pipelinesCreated);
  expect(after.bytesInUse).toBe(before.bytesInUse);
  expect(after.submits - before.submits).toBe(5);
  expect(after.dispatches - before.dispatches).toBeGreaterThanOrEqual(5 * 43);
});

test("a recording replays what it recorded, on the data of the moment", async () => {
  const x = slice(130);
  const total = slice(130);
  device().run("fill", { dst: total, value: 0 });
  device().write(x, ramp(130));
  const recording = device().capture(() => {
    using _scope = device().scope();
    const doubled = slice(130);
    add(x, x, doubled);
    const sum = slice(130);
    add(total, doubled, sum);
    device().run("copy", { src: sum, dst: total });
  });
  expect((await floats(total)).slice(0, 3)).toEqual([0, 0, 0]);
  recording.replay();
  expect((await floats(total)).slice(0, 3)).toEqual([2, 4, 6]);
  device().write(x, ramp(130, 10));
  // What is allocated now must not lie in the recording's own memory.
  const bystander = slice(130);
  device().run("fill", { dst: bystander, value: -1 });
  const before = { ...device().counters };
  recording.replay();
  recording.replay();
  expect(device().counters.dispatches - before.dispatches).toBe(6);
  expect(device().counters.bindGroupsCreated).toBe(before.bindGroupsCreated);
  expect((await floats(total)).slice(0, 3)).toEqual([42, 48, 54]);
  expect(new Set(await floats(bystander))).toEqual(new Set([-1]));
  recording.release();
  expect(() => recording.replay()).toThrow(/after its release/);
});

test("a write inside a capture is a constant: every replay copies it", async () => {
  const before = device().counters.bytesInUse;
  const [x, sum] = [slice(5), slice(5)];
  device().run("fill", { dst: sum, value: 0 });
  const recording = device().capture(() => {
    using _scope = device().scope();
    device().write(x, ramp(5));
    const next = slice(5);
    add(x, sum, next);
    device().run("copy", { src: next, dst: sum });
  });
  device().write(x, ramp(5, 100));
  recording.replay();
  recording.replay();
  expect(await floats(sum)).toEqual([2, 4, 6, 8, 10]);
  recording.release();
  for (const { storage } of [x, sum]) device().release(storage);
  expect(device().counters.bytesInUse).toBe(before);
});

test("a failing capture leaves the device usable", async () => {
  const x = slice(5);
  expect(() => device().capture(() => device().capture(() => {}))).toThrow(/inside capture/);
  expect(() =>
    device().capture(() => {
      device().write(x, ramp(5, 7));
      throw new Error("mine");
    }),
  ).toThrow("mine");
  device().write(x, ramp(5));
  expect(await floats(x)).toEqual([1, 2, 3, 4, 5]);
});
