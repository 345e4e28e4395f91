import { mismatch, type Tolerance } from "../../src/kernel-check/compare.js";
import type { HostArray } from "./host-call.js";

export * from "../../src/kernel-check/compare.js";

/** Throws with the error, the bar and the worst element; `what` names the kernel and the result. */
export function expectClose(
  what: string,
  actual: HostArray,
  expected: HostArray,
  tolerance: Tolerance,
): void {
  const wrong = mismatch(actual, expected, tolerance);
  if (wrong) throw new Error(`${what}: ${wrong}`);
}
