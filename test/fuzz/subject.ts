import type { Dice } from "./dice.js";

/** One file to read, and how to tell a right result from garbage. */
export interface FuzzInput {
  readonly bytes: Uint8Array;
  /** "right" files must be read, "wrong" ones refused, of all others nothing is known. */
  readonly expect: "right" | "wrong" | "either";
  /** Reads the bytes; throws what the reader throws, and `Garbage` for a result that is none. */
  read(): void;
}

/** A result that a reader must not give. */
export class Garbage extends Error {
  override name = "Garbage";
}

/** A reader with files for it. */
export interface Subject {
  readonly name: string;
  make(dice: Dice): FuzzInput;
}

export function sound(condition: boolean, what: string): void {
  if (!condition) throw new Garbage(what);
}
