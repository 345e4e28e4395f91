import { expect, test } from "vitest";
import {
  DeviceError,
  DeviceLostError,
  DeviceUnavailableError,
  DeviceValidationError,
  LimitError,
  ReleasedError,
} from "../../../src/device/errors.js";
import { openDevice } from "../../../src/device/open.js";
import type { Slice } from "../../../src/device/storage.js";
import { openWebGpuDevice, type WebGpuDevice } from "../../../src/device/webgpu/device.js";
import { blockOf } from "../../../src/device/webgpu/memory.js";

async function withDevice(body: (device: WebGpuDevice) => Promise<void>): Promise<void> {
  const device = await openWebGpuDevice();
  try {
    await body(device);
  } finally {
    await device.destroy();
  }
}
const slice = (device: WebGpuDevice, length: number, label = "test"): Slice => ({
  storage: device.allocate(length * 4, label),
  offset: 0,
  length,
});

test("an error WebGPU reports on the side is thrown by the next wait, once", () =>
  withDevice(async (device) => {
    const x = slice(device, 5);
    device.run("fill", { dst: x, value: 3 });
    device.gpu.createShaderModule({ code: "this is no shader" });
    await expect(device.read(x)).rejects.toThrow(DeviceValidationError);
    expect(new Float32Array(await device.read(x))[4]).toBe(3);
    device.gpu.createShaderModule({ code: "nor is this" });
    await expect(device.finish()).rejects.toThrow(DeviceValidationError);
    await device.finish();
  }));

test("every wait that was pending when a fault was found throws it, whoever awaits first", () =>
  withDevice(async (device) => {
    const x = slice(device, 5);
    device.run("fill", { dst: x, value: 3 });
    const before = device.read(x);
    device.gpu.createShaderModule({ code: "this is no shader" });
    const waits = [before, device.read(x), device.finish()];
    for (const { status } of await Promise.allSettled(waits)) expect(status).toBe("rejected");
    for (const wait of waits) await expect(wait).rejects.toThrow(DeviceValidationError);
    expect(new Float32Array(await device.read(x))[4]).toBe(3);
  }));

test("a submit that WebGPU refuses never reads back as zeros", () =>
  withDevice(async (device) => {
    const x = slice(device, 9);
    const y = slice(device, 9);
    device.run("fill", { dst: x, value: 3 });
    device.run("copy", { src: x, dst: y });
    blockOf(x, "the test").buffer.destroy();
    await expect(device.read(y)).rejects.toThrow(DeviceValidationError);
  }));

test("a lost device surfaces at a pending read and at every later one", () =>
  withDevice(async (device) => {
    const x = slice(device, 5);
    device.run("fill", { dst: x, value: 3 });
    const pending = device.read(x);
    device.gpu.destroy();
    await expect(pending).rejects.toThrow(DeviceLostError);
    device.run("fill", { dst: x, value: 4 });
    await expect(device.read(x)).rejects.toThrow(DeviceLostError);
    await expect(device.finish()).rejects.toThrow(DeviceLostError);
  }));

test("a lost device surfaces where a recording is made ready, and in a profile", () =>
  withDevice(async (device) => {
    const x = slice(device, 5);
    const recording = device.capture(() => device.run("fill", { dst: x, value: 3 }));
    device.profile(true);
    device.run("fill", { dst: x, value: 3 });
    const profile = device.profileReport();
    device.gpu.destroy();
    await expect(profile).rejects.toThrow(DeviceLostError);
    await expect(recording.ready()).rejects.toThrow(DeviceLostError);
    await expect(device.read(x)).rejects.toThrow(DeviceLostError);
  }));

test("sizes over the limit name the tensor, its size and the limit", () =>
  withDevice(async (device) => {
    const bytes = device.maxStorageBytes + 4;
    expect(() => device.allocate(bytes, "conv9.weight")).toThrow(LimitError);
    expect(() => device.allocate(bytes, "conv9.weight")).toThrow(
      new RegExp(`conv9.weight.*${bytes}.*${device.maxStorageBytes}`),
    );
    const x = slice(device, 5);
    expect(() => device.write(x, new Float32Array(6))).toThrow(LimitError);
    expect(() => device.write(x, new Uint8Array(3))).toThrow(LimitError);
  }));

test("misuse is named at once", () =>
  withDevice(async (device) => {
    const x = slice(device, 128);
    const half = { ...x, length: 64 };
    const other = { ...x, offset: 64, length: 64 };
    expect(() => device.run("copy", { src: half, dst: other })).toThrow(/reads and writes/);
    device.release(x.storage);
    expect(() => device.write(x, new Float32Array(5))).toThrow(ReleasedError);
    expect(() => device.run("fill", { dst: x, value: 1 })).toThrow(ReleasedError);
    await expect(device.read(x)).rejects.toThrow(ReleasedError);
    expect(() => device.release(x.storage)).toThrow(ReleasedError);
    await device.destroy();
    expect(() => device.allocate(4, "late")).toThrow(DeviceError);
    await expect(device.finish()).rejects.toThrow(/after destroy/);
  }));

test("a device of the caller's own is used, and left alive", () =>
  withDevice(async (owner) => {
    const guest = await openWebGpuDevice({ device: owner.gpu });
    expect(guest.info.software).toBe(true);
    const x = slice(guest, 5);
    guest.run("fill", { dst: x, value: 3 });
    expect(new Float32Array(await guest.read(x))[4]).toBe(3);
    await guest.destroy();
    const y = slice(owner, 5);
    owner.run("fill", { dst: y, value: 7 });
    expect(new Float32Array(await owner.read(y))[4]).toBe(7);
  }));

test("software adapters are told from hardware, and refused or required by name", async () => {
  await withDevice(async ({ info }) => {
    expect(info).toMatchObject({ kind: "webgpu", software: true });
    expect(info.name).toMatch(/llvmpipe|SwiftShader/i);
  });
  const refused = openWebGpuDevice({ software: "refuse" });
  await expect(refused).rejects.toThrow(DeviceUnavailableError);
  await expect(refused).rejects.toThrow(/llvmpipe|SwiftShader/i);
  const required = await openWebGpuDevice({ software: "require" });
  await required.destroy();
  await expect(openWebGpuDevice({ validation: false })).rejects.toThrow(/cannot open it again/);
});

test("openDevice prefers the CPU device to a software GPU, and takes the GPU by name", async () => {
  const automatic = await openDevice({ threads: 1 });
  expect(automatic.kind).toBe("cpu");
  await automatic.destroy();
  const named = await openDevice({ kind: "webgpu" });
  expect(named.kind).toBe("webgpu");
  await named.destroy();
});
