import type { HostArray } from "./host-call.js";

/** How far `actual` may be from `expected`; what each number means is said below. */
export type Tolerance =
  | { readonly kind: "exact" }
  | { readonly kind: "each"; readonly bar: number }
  | { readonly kind: "max"; readonly bar: number }
  | { readonly kind: "norm"; readonly bar: number };

export const exact: Tolerance = { kind: "exact" };
/** Elementary functions over their whole range: every result has its digits. */
export const eachRelative: Tolerance = { kind: "each", bar: 1e-6 };
/** Elementwise operations and reductions. */
export const maxRelative: Tolerance = { kind: "max", bar: 1e-5 };
/** Matrix products, convolutions, batch norm. */
export const normRelative: Tolerance = { kind: "norm", bar: 1e-4 };

/** The square root of the mean square of the numbers that are finite. */
function rms(values: HostArray): number {
  let sum = 0;
  let count = 0;
  for (const v of values) {
    if (!Number.isFinite(v)) continue;
    sum += v * v;
    count++;
  }
  return count === 0 ? 0 : Math.sqrt(sum / count);
}

/** NaN where the reference is NaN, the same infinity where it is infinite. */
const same = (actual: number, expected: number): boolean =>
  actual === expected || (Number.isNaN(actual) && Number.isNaN(expected));

/**
 * max_i |actual_i - expected_i| / max(|expected_i|, floor). The floor rms(expected) keeps sums that
 * cancel to almost nothing from being measured against nothing. Infinity where only one is finite.
 */
function maxRelativeError(actual: HostArray, expected: HostArray, floor = rms(expected)): number {
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const a = actual[i] ?? Number.NaN;
    const e = expected[i] ?? Number.NaN;
    if (same(a, e)) continue;
    const error = Math.abs(a - e) / Math.max(Math.abs(e), floor);
    worst = Math.max(worst, Number.isFinite(error) ? error : Number.POSITIVE_INFINITY);
  }
  return worst;
}

/** ||actual - expected|| / ||expected||; Infinity where only one is finite. */
export function normRelativeError(actual: HostArray, expected: HostArray): number {
  let error = 0;
  let norm = 0;
  for (let i = 0; i < expected.length; i++) {
    const a = actual[i] ?? Number.NaN;
    const e = expected[i] ?? Number.NaN;
    if (Number.isFinite(e)) norm += e * e;
    if (!same(a, e)) error += (a - e) ** 2;
  }
  if (error === 0) return 0;
  const ratio = Math.sqrt(error / norm);
  return Number.isFinite(ratio) ? ratio : Number.POSITIVE_INFINITY;
}

export function errorOf(actual: HostArray, expected: HostArray, tolerance: Tolerance): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  if (tolerance.kind === "norm") return normRelativeError(actual, expected);
  if (tolerance.kind === "each") return maxRelativeError(actual, expected, 0);
  if (tolerance.kind === "max") return maxRelativeError(actual, expected);
  return actual.every((a, i) => same(a, expected[i] ?? Number.NaN)) ? 0 : Number.POSITIVE_INFINITY;
}

export const barOf = (tolerance: Tolerance): number =>
  tolerance.kind === "exact" ? 0 : tolerance.bar;

/** What is wrong with `actual`, the worst element named; null if it is as near as it has to be. */
export function mismatch(
  actual: HostArray,
  expected: HostArray,
  tolerance: Tolerance,
): string | null {
  const error = errorOf(actual, expected, tolerance);
  if (error <= barOf(tolerance)) return null;
  let worst = 0;
  let distance = -1;
  let wrong = 0;
  expected.forEach((e, i) => {
    const a = actual[i] ?? Number.NaN;
    if (same(a, e)) return;
    wrong++;
    const d = Number.isNaN(a - e) ? Number.POSITIVE_INFINITY : Math.abs(a - e);
    if (d > distance) [worst, distance] = [i, d];
  });
  return (
    `${tolerance.kind} error ${error.toExponential(2)} is above ${barOf(tolerance)}; ${wrong} of ` +
    `${expected.length} elements differ, most at ${worst}: ${actual[worst]}, expected ` +
    `${expected[worst]}; first elements ${actual.slice(0, 6)}, expected ${expected.slice(0, 6)}`
  );
}
