import type { KernelCalls, KernelName } from "../device/kernels.js";
import type { Slice } from "../device/storage.js";
import { HalfArray } from "./half-array.js";

/** A slice's content on the host: float32 (or, in a HalfArray, f16) values as float64, or words. */
export type HostArray = Float64Array | Uint32Array;

/** A kernel call whose slices are host arrays: what test data and references speak. */
export type HostOf<T> = T extends Slice
  ? HostArray
  : T extends object
    ? { [P in keyof T]: HostOf<T[P]> }
    : T;
export type HostCall<K extends KernelName> = HostOf<KernelCalls[K]>;

export const isHostArray = (value: unknown): value is HostArray =>
  value instanceof Float64Array || value instanceof Uint32Array;

/** The arrays of a call in field order, each once. */
export function arraysOf(value: unknown): HostArray[] {
  const found = new Set<HostArray>();
  const walk = (x: unknown): void => {
    if (isHostArray(x)) found.add(x);
    else if (Array.isArray(x)) x.forEach(walk);
    else if (x !== null && typeof x === "object") Object.values(x).forEach(walk);
  };
  walk(value);
  return [...found];
}

/** The same value with every array in it replaced. */
export function substitute(value: unknown, replace: (array: HostArray) => unknown): unknown {
  if (isHostArray(value)) return replace(value);
  if (Array.isArray(value)) return value.map((x) => substitute(x, replace));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([k, x]) => [k, substitute(x, replace)]));
}

/** The same call over copies of its arrays; an array that is passed twice stays one array. */
export const cloneCall = <K extends KernelName>(call: HostCall<K>): HostCall<K> =>
  copied<K>(call, (array) => array.slice());

/** A copy in which halves are plain values: for a device that has no 16-bit floats. */
export const inSingles = <K extends KernelName>(call: HostCall<K>): HostCall<K> =>
  copied<K>(call, (array) =>
    array instanceof HalfArray ? Float64Array.from(array) : array.slice(),
  );

function copied<K extends KernelName>(
  call: HostCall<K>,
  copy: (array: HostArray) => HostArray,
): HostCall<K> {
  const copies = new Map<HostArray, HostArray>();
  return substitute(call, (array) => {
    const known = copies.get(array) ?? copy(array);
    copies.set(array, known);
    return known;
  }) as HostCall<K>;
}
