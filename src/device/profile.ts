import type { CallCost } from "./kernels/kernel.js";
import { costOf, type KernelCalls, type KernelName } from "./kernels.js";
import { checkOptions, type OptionTable } from "./options.js";
import type { Peaks } from "./peaks.js";

/** A kernel call, for whoever asks later what a dispatch belonged to. */
export interface KernelCall<K extends KernelName = KernelName> {
  readonly kernel: K;
  readonly call: KernelCalls[K];
}

/** One dispatch on the GPU's clock, in milliseconds since the profile's first. */
export interface ProfiledDispatch {
  /** The shader. */
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** One kernel call, its cost by definition, and the dispatches it became. */
export interface ProfiledCall extends CallCost {
  readonly dispatches: readonly ProfiledDispatch[];
}

/** A row of a profile's table. */
export interface ProfileRow {
  readonly name: string;
  readonly calls: number;
  readonly dispatches: number;
  /** GPU time of its dispatches. */
  readonly ms: number;
  /** Its part of all rows' time, 0 to 1. */
  readonly share: number;
  readonly gflops: number;
  readonly gbytes: number;
  /**
   * The roofline's time over its own: for each call the larger of its operations at the peak
   * arithmetic rate and its bytes at the copy bandwidth. Above 1, an algorithm does less work than
   * its definition or finds its operands in a cache. NaN without peaks.
   */
  readonly ofRoofline: number;
  /** What bounds it on the roofline. NaN peaks bound nothing. */
  readonly bound: "arithmetic" | "memory";
  /** Time by shader where a call takes several dispatches, the longest first. */
  readonly parts: readonly { readonly name: string; readonly calls: number; readonly ms: number }[];
}

const noPeaks: Peaks = { gflops: Number.NaN, gbytes: Number.NaN };

const msOf = ({ dispatches }: ProfiledCall): number =>
  dispatches.reduce((sum, { start, end }) => sum + end - start, 0);

export interface ProfileRowOptions {
  peaks?: Peaks | undefined;
  /** A row for each kernel (default), or for each of its shapes. */
  by?: "kernel" | "shape";
}

const rowOptions: OptionTable<ProfileRowOptions> = { peaks: "checked", by: ["kernel", "shape"] };

/** A profile by kernel, the most expensive first; `by: "shape"` has a row for each shape too. */
export function profileRows(
  calls: readonly ProfiledCall[],
  options: ProfileRowOptions = {},
): ProfileRow[] {
  checkOptions("profileRows", options, rowOptions);
  const { peaks = noPeaks, by = "kernel" } = options;
  const groups = new Map<string, ProfiledCall[]>();
  for (const call of calls) {
    const name = by === "shape" ? `${call.name} ${call.shape}` : call.name;
    const group = groups.get(name);
    if (group) group.push(call);
    else groups.set(name, [call]);
  }
  const all = calls.reduce((sum, call) => sum + msOf(call), 0);
  const rows = [...groups].map(([name, group]) => rowOf(name, group, all, peaks));
  return rows.sort((a, b) => b.ms - a.ms);
}

function rowOf(name: string, calls: readonly ProfiledCall[], all: number, peaks: Peaks) {
  const sum = (value: (call: ProfiledCall) => number): number =>
    calls.reduce((total, call) => total + value(call), 0);
  const [ms, flops, bytes] = [sum(msOf), sum((call) => call.flops), sum((call) => call.bytes)];
  const arithmeticMs = (call: ProfiledCall): number => call.flops / peaks.gflops / 1e6;
  const memoryMs = (call: ProfiledCall): number => call.bytes / peaks.gbytes / 1e6;
  const floor = sum((call) => Math.max(arithmeticMs(call), memoryMs(call)));
  return {
    ...{ name, ms, share: ms / all, calls: calls.length },
    dispatches: sum((call) => call.dispatches.length),
    gflops: flops / ms / 1e6,
    gbytes: bytes / ms / 1e6,
    ofRoofline: floor / ms,
    bound: sum(arithmeticMs) > sum(memoryMs) ? ("arithmetic" as const) : ("memory" as const),
    parts: partsOf(calls),
  };
}

function partsOf(calls: readonly ProfiledCall[]): ProfileRow["parts"] {
  const parts = new Map<string, { name: string; calls: number; ms: number }>();
  for (const { name, start, end } of calls.flatMap(({ dispatches }) => dispatches)) {
    const part = parts.get(name) ?? { name, calls: 0, ms: 0 };
    parts.set(name, { name, calls: part.calls + 1, ms: part.ms + end - start });
  }
  return [...parts.values()].sort((a, b) => b.ms - a.ms);
}

/** A dispatch with the call it belongs to. */
export interface TracedDispatch extends ProfiledDispatch {
  /** Undefined for a dispatch outside `run`, as tuning makes them. */
  readonly call: KernelCall | undefined;
  /** The dispatch's place among those of its call. */
  readonly index: number;
}

/** Groups dispatches in queue order into calls: each that is its call's first begins one. */
export function groupCalls(dispatches: readonly TracedDispatch[]): ProfiledCall[] {
  const calls: (CallCost & { dispatches: ProfiledDispatch[] })[] = [];
  for (const { call, index, name, start, end } of dispatches) {
    if (!call) continue;
    if (index === 0) calls.push({ ...costOf(call.kernel, call.call), dispatches: [] });
    calls.at(-1)?.dispatches.push({ name, start, end });
  }
  return calls;
}
