import { Dice } from "./dice.js";
import { judge } from "./judge.js";
import { SUBJECTS } from "./subjects.js";

interface Most {
  readonly value: number;
  readonly seed: number;
}

export interface FuzzResult {
  readonly inputs: number;
  readonly accepted: number;
  /** Milliseconds and bytes of memory of the inputs that took most, each with its seed. */
  readonly slowest: Most;
  readonly largest: Most;
  readonly faults: readonly { seed: number; subject: string; fault: string; bytes: Uint8Array }[];
}

const NOTHING: Most = { value: 0, seed: 0 };

/** The input of a seed: its reader, and the file. */
export function inputOf(seed: number) {
  const subject = SUBJECTS[seed % SUBJECTS.length];
  if (subject === undefined) throw new Error(`no subject for the seed ${seed}`);
  return { subject: subject.name, input: subject.make(new Dice(seed)) };
}

/**
 * Judges the inputs of `count` seeds from `first` on.
 * @param onInput called before each, so that whoever watches knows which one hangs
 */
export function fuzz(first: number, count: number, onInput: (seed: number) => void): FuzzResult {
  const faults: FuzzResult["faults"][number][] = [];
  let accepted = 0;
  let [slowest, largest]: [Most, Most] = [NOTHING, NOTHING];
  for (let seed = first; seed < first + count && faults.length < 20; seed++) {
    const { subject, input } = inputOf(seed);
    onInput(seed);
    const { fault, refused, milliseconds, bytes } = judge(input);
    if (fault !== undefined) faults.push({ seed, subject, fault, bytes: input.bytes });
    if (!refused) accepted++;
    if (milliseconds > slowest.value) slowest = { value: milliseconds, seed };
    if (bytes > largest.value) largest = { value: bytes, seed };
  }
  return { inputs: count, accepted, slowest, largest, faults };
}
