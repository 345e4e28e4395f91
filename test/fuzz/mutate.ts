import { concat, u16, u32, u64 } from "../support/bytes.js";
import type { Dice } from "./dice.js";

/** A copy of a file with a few of the changes that accidents and enemies make. */
export function mutate(dice: Dice, file: Uint8Array): Uint8Array {
  let changed: Uint8Array = file.slice();
  for (let times = 1 + dice.int(3); times > 0; times--) changed = mutateOnce(dice, changed);
  return changed;
}

function mutateOnce(dice: Dice, file: Uint8Array): Uint8Array {
  const at = dice.int(file.length + 1);
  const length = 1 + dice.int(dice.once(3) ? 600 : 8);
  const [before, chunk, after] = [file.slice(0, at), file.slice(at, at + length), file.slice(at)];
  switch (dice.int(10)) {
    case 0:
    case 1:
      return overwritten(file, at, [(file[at] ?? 0) ^ (1 << dice.int(8))]);
    case 2:
      return overwritten(file, at, [dice.pick([0, 1, 0x7f, 0x80, 0xff, dice.int(256)])]);
    case 3:
      return overwritten(file, at, number(dice, file.length));
    case 4:
      return before;
    case 5:
      return concat([before, file.slice(at + length)]);
    case 6:
      return concat([before, chunk, after]);
    case 7:
      return concat([before, dice.bytes(length), after]);
    case 8:
      return overwritten(file, dice.int(file.length + 1), chunk);
    default:
      return concat([file, new Uint8Array(length)]);
  }
}

function overwritten(file: Uint8Array, at: number, bytes: ArrayLike<number>): Uint8Array {
  const out = file.slice();
  for (let i = 0; i < bytes.length && at + i < out.length; i++) out[at + i] = bytes[i] as number;
  return out;
}

function number(dice: Dice, length: number): number[] {
  const value = dice.pick([0, 1, length, length - 1, length + 1, 2 ** 31, 2 ** 32 - 1, 2 ** 53]);
  return dice.pick([u16, u32, u64])(value);
}
