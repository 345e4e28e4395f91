import type { Device } from "../../src/device/device.js";
import type { KernelCalls, KernelName } from "../../src/device/kernels.js";

export interface RunCall {
  readonly kernel: KernelName;
  readonly call: KernelCalls[KernelName];
}

/** The kernel calls that `body` makes. */
export function callsIn(device: Device, body: () => void): RunCall[] {
  const calls: RunCall[] = [];
  const run = device.run;
  device.run = (kernel, call) => {
    calls.push({ kernel, call });
    run.call(device, kernel, call);
  };
  try {
    body();
  } finally {
    device.run = run;
  }
  return calls;
}
