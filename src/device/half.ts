import type { Device } from "./device.js";
import { UnsupportedPrecisionError } from "./errors.js";

/**
 * Throws UnsupportedPrecisionError unless the device stores and reads 16-bit floats; `what` says
 * who asks for them.
 */
export function requireHalf({ info }: Device, what: string): void {
  if (info.features.includes("shader-f16")) return;
  throw new UnsupportedPrecisionError(
    `${what} needs 16-bit floats: a WebGPU device with the feature shader-f16. The ${info.kind} ` +
      `device "${info.name}" has none; use precision "f32", or open a WebGPU device on an adapter ` +
      "with that feature (shiftgrad device lists them)",
  );
}
