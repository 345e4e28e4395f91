import type { Device } from "../../../src/device/device.js";
import type { Slice } from "../../../src/device/storage.js";

export function slice(device: Device, length: number, label = "test data"): Slice {
  return { storage: device.allocate(4 * length, label), offset: 0, length };
}

/** Values without a pattern, different for every seed, exact in float32. */
export const values = (n: number, seed = 1): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => Math.fround(Math.sin((i + 1) * 12.9898 * seed) * 3));

export function upload(device: Device, data: Float32Array | Uint32Array): Slice {
  const target = slice(device, data.length);
  device.write(target, data);
  return target;
}

export const floats = async (device: Device, source: Slice): Promise<Float32Array> =>
  new Float32Array(await device.read(source));

/** out := x + y, all contiguous. */
export function add(device: Device, x: Slice, y: Slice, out: Slice): void {
  const inputs = [x, y].map((operand) => ({ slice: operand, strides: [1] }));
  const shape = [out.length];
  device.run("elementwise", { kernel: "add", inputs, out, shape, scalars: [0, 0] });
}
