import { expect, test } from "vitest";
import { DeviceValidationError } from "../../../src/device/errors.js";
import { newCounters } from "../../../src/device/pool.js";
import type { Slice } from "../../../src/device/storage.js";
import { openWebGpuDevice } from "../../../src/device/webgpu/device.js";
import { shader, writes } from "../../../src/device/webgpu/lowering.js";
import { Pipelines } from "../../../src/device/webgpu/pipelines.js";
import { useDevice } from "../../support/devices.js";

const device = useDevice(openWebGpuDevice);

const slice = (length: number): Slice => ({
  storage: device().allocate(length * 4, "test"),
  offset: 0,
  length,
});

/** Three different kernels, one of them twice. */
const body = (x: Slice, y: Slice, total: Slice) => () => {
  device().run("fill", { dst: x, value: 1.5 });
  device().run("copy", { src: x, dst: y });
  device().run("fill", { dst: x, value: 2 });
  const shape = { outer: 1, reduced: x.length, inner: 1 };
  device().run("reduce", { op: "sum", x: y, out: total, ...shape });
};

test("a recording compiles what it needs ahead of its first replay, and tells how far it is", async () => {
  const [x, y, total] = [slice(77), slice(77), slice(1)];
  const before = device().counters.pipelinesCreated;
  const recording = device().capture(body(x, y, total));
  expect(device().counters.pipelinesCreated).toBe(before);
  const heard: [number, number][] = [];
  await recording.ready((done, all) => heard.push([done, all]));
  const { pipelinesCreated } = device().counters;
  expect(pipelinesCreated - before).toBe(3);
  expect(heard).toEqual([
    [0, 3],
    [1, 3],
    [2, 3],
    [3, 3],
  ]);
  recording.replay();
  expect(new Float32Array(await device().read(total))[0]).toBe(1.5 * 77);
  expect(device().counters.pipelinesCreated).toBe(pipelinesCreated);

  // All is there: nothing to tell, for this recording and for another.
  heard.length = 0;
  const again = device().capture(body(x, y, total));
  await again.ready((done, all) => heard.push([done, all]));
  expect(heard).toEqual([]);
  again.release();
  recording.release();
  expect(() => recording.ready()).toThrow(/after its release/);
});

test("a replay does not wait for what is being compiled", async () => {
  const [labels, x] = [slice(3), slice(3 * 5)];
  device().write(labels, Uint32Array.of(4, 0, 2));
  const recording = device().capture(() =>
    device().run("oneHot", { index: labels, out: x, picked: 3, classes: 5, on: 7, off: 1 }),
  );
  const ready = recording.ready();
  recording.replay();
  expect([...new Float32Array(await device().read(x))]).toEqual([
    ...[1, 1, 1, 1, 7],
    ...[7, 1, 1, 1, 1],
    ...[1, 1, 7, 1, 1],
  ]);
  await ready;
  recording.release();
});

test("a kernel that cannot be compiled is an error that names it", async () => {
  const pipelines = new Pipelines(device().gpu, newCounters());
  const broken = pipelines.get({
    shader: shader("a broken kernel", "@compute @workgroup_size(1) fn main() { let x = nothing; }"),
    bindings: [writes(slice(4))],
    workgroups: 1,
  });
  const compiled = pipelines.compile([broken]);
  await expect(compiled).rejects.toThrow(DeviceValidationError);
  await expect(compiled).rejects.toThrow(/a broken kernel/);
  expect(broken.compiled).toBe(false);
  // The module's own error says where; the device's next wait has it.
  await expect(device().finish()).rejects.toThrow(/nothing/);
});
