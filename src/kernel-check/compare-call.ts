import type { Device } from "../device/device.js";
import type { KernelName } from "../device/kernels.js";
import { fieldOf } from "./bounds.js";
import { errorOf, exact, mismatch, type Tolerance } from "./compare.js";
import { arraysOf, type HostArray, type HostCall } from "./host-call.js";
import { runKernel } from "./run-kernel.js";

/** How one result of a kernel compares. */
export interface ResultError {
  /** The field of the call. */
  readonly name: string;
  readonly error: number;
  readonly tolerance: Tolerance;
}

export interface Comparison {
  readonly results: readonly ResultError[];
  /** The first thing that is wrong, as a sentence. */
  readonly wrong: string | null;
}

/**
 * Runs a kernel twice, at different offsets of its storages, and compares what it writes with
 * `expected` and the two runs with each other, bit by bit. Inputs must stay as they are.
 * Throws what the device throws, and an Error if something outside the slices was written.
 */
export async function compareCall<K extends KernelName>(
  device: Device,
  kernel: K,
  call: HostCall<K>,
  expected: HostCall<K>,
  bounds: Readonly<Record<string, Tolerance>>,
): Promise<Comparison> {
  const first = await runKernel(device, kernel, call);
  const second = await runKernel(device, kernel, call, 1);
  const wrong: string[] = [];
  const note = (what: string, found: string | null): void => {
    if (found) wrong.push(`${kernel}${what}: ${found}`);
  };
  const results: ResultError[] = [];
  const written = new Set<HostArray | null>();
  for (const [name, tolerance] of Object.entries(bounds)) {
    const [want, got, again] = [expected, first, second].map((c) => fieldOf(c, name));
    written.add(got ?? null);
    if (!want || !got || !again) continue;
    results.push({ name, error: errorOf(got, want, tolerance), tolerance });
    note(`.${name}`, mismatch(got, want, tolerance));
    note(`.${name}, run again`, mismatch(again, got, exact));
  }
  const after = arraysOf(first);
  arraysOf(call).forEach((array, i) => {
    const now = after[i];
    if (now && !written.has(now)) note(", an input", mismatch(now, array, exact));
  });
  return { results, wrong: wrong[0] ?? null };
}
