import { ELEMENTS, type ElementType } from "../../src/io/element-types.js";
import { faultOf, type NamedTensor, type StateDict } from "../../src/io/state-dict.js";
import type { Dice } from "./dice.js";
import { sound } from "./subject.js";

export const NAMES = [
  ...["a", "b.weight", "c.0.bias", "module.d", "_orig_mod.e", "features.module.0.w", "module"],
  ...["__proto__", "constructor", "", "ü", "x".repeat(200), "num_batches_tracked", "\u202e"],
];

export const product = (shape: readonly number[]): number => shape.reduce((p, e) => p * e, 1);

/** Few dimensions of few values. */
export function smallShape(dice: Dice): number[] {
  return Array.from({ length: dice.int(4) }, () => dice.pick([0, 1, 1, 2, 3, 5]));
}

/** Different names, in the dice's order. */
export function someNames(dice: Dice, most: number): string[] {
  return [...new Set(Array.from({ length: dice.int(most + 1) }, () => dice.pick(NAMES)))];
}

/** Values whose bits are none that a conversion loses; booleans are 0 and 1. */
export function valuesOf(dice: Dice, type: ElementType, count: number): Uint8Array {
  const bytes = dice.bytes(Math.ceil((ELEMENTS[type].bits / 8) * count));
  return type === "BOOL" ? bytes.map((byte) => byte & 1) : bytes;
}

/** Tensors that their types, shapes and values agree on. */
export function checkTensors(tensors: StateDict): void {
  for (const [name, tensor] of tensors) {
    sound(typeof name === "string", "a name that is no text");
    const fault = faultOf(tensor);
    sound(fault === undefined, `${name} ${fault}`);
  }
}

/** A tensor's type, shape and bits. */
export function printOf({ dtype, shape, data }: NamedTensor): string {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return `${dtype}[${shape}] ${bytes.toString("hex")}`;
}
