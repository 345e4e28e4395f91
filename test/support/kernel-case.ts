import { test } from "vitest";
import type { Device } from "../../src/device/device.js";
import type { KernelName } from "../../src/device/kernels.js";
import { boundsOf } from "../../src/kernel-check/bounds.js";
import { kernelCases } from "../../src/kernel-check/cases/index.js";
import type { CaseOf } from "../../src/kernel-check/cases/table.js";
import { compareCall } from "../../src/kernel-check/compare-call.js";
import { Draw } from "../../src/kernel-check/draw.js";
import type { FloatType } from "../../src/tensor/tensor.js";
import { references } from "../reference/index.js";
import type { Tolerance } from "./compare.js";
import { cloneCall, type HostCall } from "./host-call.js";

export interface KernelCase<K extends KernelName = KernelName> {
  readonly kernel: K;
  readonly title: string;
  readonly build: () => HostCall<K>;
  /** Stricter bars than the table's. */
  readonly tolerances: Readonly<Record<string, Tolerance>>;
  /** Runs the kernel twice and compares: with itself bit by bit, and with the reference. */
  check(device: Device): Promise<void>;
}

/** One call of one kernel; inputs and reference are computed once and serve both devices. */
export function kernelCase<K extends KernelName>(
  kernel: K,
  title: string,
  build: () => HostCall<K>,
  tolerances: Readonly<Record<string, Tolerance>> = {},
): KernelCase<K> {
  let known: { call: HostCall<K>; expected: HostCall<K> } | undefined;
  const prepare = (): { call: HostCall<K>; expected: HostCall<K> } => {
    if (known) return known;
    const call = build();
    const expected = cloneCall<K>(call);
    references[kernel](expected);
    known = { call, expected };
    return known;
  };
  const check = async (device: Device): Promise<void> => {
    const { call, expected } = prepare();
    const bounds = { ...boundsOf(kernel, call), ...tolerances };
    const { wrong } = await compareCall(device, kernel, call, expected, bounds);
    if (wrong) throw new Error(wrong);
  };
  return { kernel, title, build, tolerances, check };
}

/** The cases that `device --check` runs, on activations stored in this type. */
export const tableCases = <K extends KernelName>(
  kernel: K,
  stored: FloatType = "f32",
): KernelCase<K>[] => {
  const cases: readonly CaseOf<K>[] = kernelCases[kernel];
  return cases.map((build, i) =>
    kernelCase(kernel, `${kernel} ${i} (${stored})`, () =>
      build(new Draw(stored, `${kernel} ${i}`)),
    ),
  );
};

/** One test a case. */
export function testKernelCases(
  device: () => Device,
  cases: readonly { title: string; check(device: Device): Promise<void> }[],
): void {
  test.each(cases)("$title", async ({ check }) => {
    await check(device());
  });
}
