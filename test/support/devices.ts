import { afterAll, beforeAll, describe } from "vitest";
import type { Device, DeviceKind } from "../../src/device/device.js";
import { openDevice } from "../../src/device/open.js";
import type { Slice } from "../../src/device/storage.js";
import type { HostArray } from "./host-call.js";

/**
 * One device for all tests of the file or `describe` that calls this: opened before the first,
 * destroyed after the last. WebGPU runs on the adapter that vitest.config.ts chooses.
 */
export function useDevice<D extends Device>(open: () => Promise<D>): () => D {
  let opened: D | undefined;
  beforeAll(async () => {
    opened = await open();
  });
  afterAll(() => opened?.destroy());
  return () => {
    if (!opened) throw new Error("the device is open only while tests run");
    return opened;
  };
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
      body(useDevice(() => openDevice({ kind })));
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
