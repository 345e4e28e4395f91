import type { Device } from "../device/device.js";
import type { Slice } from "../device/storage.js";

/** to := from in the element type of `to`, rounded to nearest; both of one length. */
export function convert(device: Device, from: Slice, to: Slice): void {
  if (to.length === 0) return;
  device.run("elementwise", {
    kernel: "cast",
    inputs: [{ slice: from, strides: [1] }],
    out: to,
    shape: [to.length],
    scalars: [0, 0],
  });
}
