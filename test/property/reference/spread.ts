import { unit } from "../../support/random.js";
import { rms } from "./value.js";

/**
 * How near a result in float32 has to be. A single op is held to 1e-6 of an element by its own test
 * (`eachRelative` in test/support/compare.ts). What errors of that size grow to on the way through a
 * graph is found as in Monte Carlo arithmetic (Parker 1997): the reference runs again with every
 * result of every op, forward and backward, moved by a random relative error of up to 1e-6. The
 * library may be as far from the exact result as `slack` times the farthest of these runs, and need
 * not be nearer than 1e-5 of the result's root mean square (`maxRelative` there).
 */
export const opError = 1e-6;
const slack = 8;
const relative = 1e-5;

export const noisyRuns = 2;

export function noise(seed: number): Noise {
  let at = 0;
  const error = (): number => opError * (2 * unit(seed, at++) - 1);
  return (data, terms = 0) => data.map((v) => v + error() * (Math.abs(v) + terms));
}

/** Moves values by a random error, relative to themselves and to the terms they are sums of. */
export type Noise = (data: Float64Array, terms?: number) => Float64Array;

/** A result in float64 and how far from it the noisy runs came, in any element. */
export interface Expected {
  readonly data: Float64Array;
  readonly spread: number;
}

export function expected(data: Float64Array, noisy: readonly Float64Array[]): Expected {
  let spread = 0;
  for (const run of noisy) {
    run.forEach((v, i) => {
      spread = Math.max(spread, Math.abs(v - (data[i] ?? Number.NaN)));
    });
  }
  return { data, spread };
}

/** Whether float32 cannot tell this result from noise: the graph is drawn again. */
export const illConditioned = ({ data, spread }: Expected): boolean =>
  !(spread <= 1e-3 * Math.max(rms(data), 1e-2));

/** The first element that is wrong, in words; null if there is none. */
export function wrong(actual: ArrayLike<number>, { data, spread }: Expected): string | null {
  if (actual.length !== data.length) return `${actual.length} elements for ${data.length}`;
  const bar = slack * spread + relative * rms(data);
  for (let i = 0; i < data.length; i++) {
    const [a, e] = [actual[i] ?? Number.NaN, data[i] ?? Number.NaN];
    if (Math.abs(a - e) <= bar) continue;
    const shown = (list: ArrayLike<number>): string =>
      Array.from(list, (v) => Number(v).toPrecision(6))
        .slice(0, 8)
        .join(" ");
    return `element ${i} is ${a}, not ${e} (bar ${bar.toExponential(1)}): ${shown(actual)} for ${shown(data)}`;
  }
  return null;
}
