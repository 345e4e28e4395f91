import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openCpuDevice } from "../../../src/device/cpu/open.js";
import type { Device } from "../../../src/device/device.js";
import { DeviceError, DeviceLostError, ReleasedError } from "../../../src/device/errors.js";
import { add, floats, slice, upload, values } from "./support.js";

describe.each([
  { title: "one worker", options: { threads: 1 } },
  { title: "two workers", options: { threads: 2 } },
  { title: "the calling thread", options: { workers: false } },
])("the queue on $title", ({ options }) => {
  let device: Device;
  beforeAll(async () => {
    device = await openCpuDevice(options);
  });
  afterAll(() => device.destroy());

  test("writes, kernels and reads happen in the order in which they were asked for", async () => {
    using _scope = device.scope();
    const [x, y, out] = [
      upload(device, values(37)),
      upload(device, values(37, 2)),
      slice(device, 37),
    ];
    add(device, x, y, out);
    const first = floats(device, out);
    device.write(x, values(37, 3));
    add(device, x, y, out);
    const second = floats(device, out);
    device.run("fill", { dst: out, value: -7 });
    const sums = (seed: number): Float32Array =>
      values(37, seed).map((v, i) => Math.fround(v + (values(37, 2)[i] ?? 0)));
    expect(await first).toEqual(sums(1));
    expect(await second).toEqual(sums(3));
    expect(await floats(device, out)).toEqual(new Float32Array(37).fill(-7));
  });

  test("data may change right after write", async () => {
    using _scope = device.scope();
    const data = values(129);
    const target = upload(device, data);
    data.fill(0);
    expect(await floats(device, target)).toEqual(values(129));
  });

  test("a slice in the middle of a storage is written and read alone", async () => {
    using _scope = device.scope();
    const whole = upload(device, values(192));
    const middle = { storage: whole.storage, offset: 64, length: 61 };
    device.write(middle, values(61, 5));
    const expected = values(192);
    expected.set(values(61, 5), 64);
    expect(await floats(device, whole)).toEqual(expected);
    expect(await floats(device, middle)).toEqual(values(61, 5));
  });

  test("a long run of commands without a wait, far beyond one chunk of the list", async () => {
    using _scope = device.scope();
    const steps = 20_001;
    const one = upload(device, Float32Array.of(1));
    const sums = [upload(device, Float32Array.of(0)), slice(device, 1)] as const;
    for (let i = 0; i < steps; i++) {
      const [from, to] = i % 2 ? [sums[1], sums[0]] : [sums[0], sums[1]];
      add(device, from, one, to);
    }
    expect(await floats(device, sums[1])).toEqual(Float32Array.of(steps));
  });

  test("many writes and reads in flight keep their order", async () => {
    using _scope = device.scope();
    const target = slice(device, 1000);
    const reads = Array.from({ length: 50 }, (_, i) => {
      device.write(target, values(1000, i + 1));
      return floats(device, target);
    });
    for (const [i, read] of reads.entries()) expect(await read).toEqual(values(1000, i + 1));
  });

  test("a recording is replayed with the data of the moment", async () => {
    using _scope = device.scope();
    const [x, state] = [upload(device, values(70)), upload(device, new Float32Array(70))];
    const recording = device.capture(() => {
      using _inner = device.scope();
      const sum = slice(device, 70);
      add(device, x, state, sum);
      device.run("copy", { src: sum, dst: state });
    });
    expect(await floats(device, state)).toEqual(new Float32Array(70));
    recording.replay();
    device.write(x, values(70, 2));
    // What is allocated now must not come from the recording's memory.
    const other = upload(device, values(70, 9));
    recording.replay();
    recording.replay();
    const expected = values(70).map((v, i) => {
      const next = values(70, 2)[i] ?? 0;
      return Math.fround(Math.fround(v + next) + next);
    });
    expect(await floats(device, state)).toEqual(expected);
    expect(await floats(device, other)).toEqual(values(70, 9));
    recording.release();
    expect(() => recording.replay()).toThrow(ReleasedError);
  });

  test("a recording of thousands of commands, with a write inside", async () => {
    using _scope = device.scope();
    const [one, sums] = [slice(device, 1), [slice(device, 1), slice(device, 1)] as const];
    device.run("fill", { dst: sums[0], value: 0 });
    const recording = device.capture(() => {
      device.write(one, Float32Array.of(2));
      for (let i = 0; i < 3000; i++) add(device, sums[i % 2 ? 1 : 0], one, sums[i % 2 ? 0 : 1]);
    });
    device.run("fill", { dst: one, value: 100 });
    recording.replay();
    recording.replay();
    expect(await floats(device, sums[0])).toEqual(Float32Array.of(12_000));
    recording.release();
  });

  test("what cannot be recorded is refused, and the device goes on", async () => {
    using _scope = device.scope();
    const x = upload(device, values(3));
    expect(() => device.capture(() => device.capture(() => {}))).toThrow(DeviceError);
    let pending: Promise<ArrayBuffer> | undefined;
    device.capture(() => {
      pending = device.read(x);
    });
    await expect(pending).rejects.toThrow("inside capture");
    expect(await floats(device, x)).toEqual(values(3));
  });

  test("a released slice is an error that names it", () => {
    const x = slice(device, 5, "the bias of layer 3");
    device.release(x.storage);
    expect(() => device.run("fill", { dst: x, value: 1 })).toThrow(/the bias of layer 3/);
    expect(() => device.run("fill", { dst: x, value: 1 })).toThrow(ReleasedError);
  });
});

test.each([{ threads: 3 }, { workers: false }])(
  "a kernel that leaves memory is a fault at the next await (%o)",
  async (options) => {
    const device = await openCpuDevice(options);
    const target = slice(device, 8);
    const beyond = { ...target, offset: 2 ** 29 };
    device.run("fill", { dst: beyond, value: 1 });
    await expect(device.finish()).rejects.toThrow(/kernel fill/);
    await expect(device.read(target)).rejects.toThrow(DeviceError);
    await expect(device.destroy()).rejects.toThrow(DeviceError);
  },
);

test("a destroyed device says so", async () => {
  const device = await openCpuDevice({ threads: 2 });
  const target = slice(device, 8);
  device.run("fill", { dst: target, value: 1 });
  await device.destroy();
  await device.destroy();
  expect(() => device.run("fill", { dst: target, value: 1 })).toThrow(DeviceLostError);
  await expect(device.read(target)).rejects.toThrow(DeviceLostError);
});
