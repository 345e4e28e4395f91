import { afterAll, beforeAll, describe } from "vitest";
import { openCpuDevice } from "../../src/device/cpu/open.js";
import type { Device, DeviceKind } from "../../src/device/device.js";
import type { Slice } from "../../src/device/storage.js";
import { openWebGpuDevice } from "../../src/device/webgpu/device.js";
import type { HostArray } from "./host-call.js";
import { useSoftwareGpu } from "./software-gpu.js";

/** Opens a device the way tests use it: WebGPU on the software adapter unless the caller chose one. */
export function openTestDevice(kind: DeviceKind): Promise<Device> {
  if (kind === "cpu") return openCpuDevice();
  useSoftwareGpu();
  return openWebGpuDevice();
}

/** Both devices, or the one that SHIFTGRAD_TEST_DEVICE names. */
export function testDeviceKinds(): readonly DeviceKind[] {
  const chosen = process.env.SHIFTGRAD_TEST_DEVICE;
  if (chosen === undefined || chosen === "") return ["cpu", "webgpu"];
  if (chosen === "cpu" || chosen === "webgpu") return [chosen];
  throw new Error(`SHIFTGRAD_TEST_DEVICE is "${chosen}"; it must be cpu or webgpu`);
}

/**
 * The same suite on every device. A device that cannot be opened fails the suite: a missing
 * adapter must never look like a pass.
 */
export function describeOnDevices(title: string, body: (device: () => Device) => void): void {
  for (const kind of testDeviceKinds()) {
    describe(`${title} (${kind})`, () => {
      let opened: Device | undefined;
      beforeAll(async () => {
        opened = await openTestDevice(kind);
      });
      afterAll(async () => {
        await opened?.destroy();
      });
      body(() => {
        if (!opened) throw new Error(`the ${kind} device is not open`);
        return opened;
      });
    });
  }
}

/** A slice of its own storage with the array's content (float64 is rounded to float32). */
export function upload(device: Device, array: HostArray | Float32Array): Slice {
  const storage = device.allocate(4 * array.length, "test data");
  const slice: Slice = { storage, offset: 0, length: array.length };
  device.write(slice, array instanceof Float64Array ? Float32Array.from(array) : array);
  return slice;
}

export async function readFloats(device: Device, slice: Slice): Promise<Float32Array> {
  return new Float32Array(await device.read(slice), 0, slice.length);
}

export async function readWords(device: Device, slice: Slice): Promise<Uint32Array> {
  return new Uint32Array(await device.read(slice), 0, slice.length);
}
