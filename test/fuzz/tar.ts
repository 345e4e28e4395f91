import { tarEntries } from "../../src/data/tar.js";
import { text } from "../support/bytes.js";
import { type TarPart, tarFile } from "../support/tar-file.js";
import type { Dice } from "./dice.js";
import { mutate } from "./mutate.js";
import { type FuzzInput, type Subject, sound } from "./subject.js";

const FAULTS: readonly ((dice: Dice) => Partial<TarPart>)[] = [
  (dice) => ({ size: dice.pick(["-1000", "9", "1e3", "0x10", "77777777777", "+1", "1 1"]) }),
  (dice) => ({ size: [0x80, ...dice.bytes(11)] }),
  () => ({ size: new Array(12).fill(255) }),
  (dice) => ({
    kind: "x",
    content: text(dice.pick(["0 path=a\n", "9 size=1\n", "99 path=a\n", "a"])),
  }),
];

/** Archives of few files, with sizes that are none, damaged bytes and cuts. */
export const tar: Subject = {
  name: "tar",
  make(dice: Dice): FuzzInput {
    let wrong = false;
    const parts = Array.from({ length: dice.int(5) }, (): TarPart => {
      const content = dice.bytes(dice.pick([0, 1, 511, 512, 513, dice.int(3000)]));
      const part = { name: dice.pick(["a", "b/c", "x".repeat(100)]), content };
      if (dice.once(4)) return { ...part, kind: dice.pick(["0", "5", "2", "g", "L"]), content: [] };
      if (!dice.once(10)) return part;
      wrong = true;
      return { ...part, ...dice.pick(FAULTS)(dice) };
    });
    const cut = dice.once(10);
    const file = tarFile(parts, cut ? [] : new Array(512 * (1 + dice.int(3))).fill(0));
    const damaged = dice.once(2);
    const bytes = damaged ? mutate(dice, file) : file;
    const known = wrong || cut ? "wrong" : "right";
    return { bytes, expect: damaged ? "either" : known, read: () => readAndCheck(bytes) };
  },
};

function readAndCheck(bytes: Uint8Array): void {
  let filled = 0;
  for (const { path, data } of tarEntries(bytes)) {
    const at = data.byteOffset - bytes.byteOffset;
    sound(at % 512 === 0 && at >= filled + 512, `${path} lies in another file`);
    sound(data.length <= bytes.length - at, `${path} reaches over the end`);
    filled = at + data.length;
  }
  sound(bytes.length - filled >= 512, "no room for an end mark");
  sound(
    bytes.subarray(-512).every((byte) => byte === 0),
    "no end mark",
  );
}
