import { crc32 } from "node:zlib";
import { ReadBudget } from "../../src/io/read-budget.js";
import { ZipArchive } from "../../src/io/zip.js";
import { type ZipPart, zipFile } from "../support/zip-file.js";
import type { Dice } from "./dice.js";
import { mutate } from "./mutate.js";
import { type FuzzInput, type Subject, sound } from "./subject.js";

/** Archives with and without ZIP64, with faults in their directory and damaged bytes. */
export const zip: Subject = {
  name: "zip",
  make(dice: Dice): FuzzInput {
    let wrong = false;
    const parts = Array.from({ length: 1 + dice.int(5) }, (_, i): ZipPart => {
      const part = { name: `${"a/".repeat(dice.int(3))}${i}`, content: dice.bytes(dice.int(40)) };
      if (!dice.once(8)) return part;
      wrong = true;
      return {
        ...part,
        ...dice.pick([
          { crc: 1 + dice.int(2 ** 31) },
          { method: 8 },
          { flags: 1 },
          { localName: "b" },
        ]),
      };
    });
    const [first] = parts;
    if (first && dice.once(20)) {
      parts.push(first);
      wrong = true;
    }
    const nested = parts.length > 1 && dice.once(20);
    wrong ||= nested;
    const file = zipFile(parts, { zip64: dice.once(2), comment: "x".repeat(dice.int(3)), nested });
    const damaged = dice.once(2);
    const bytes = damaged ? mutate(dice, file) : file;
    const known = wrong ? "wrong" : "right";
    return { bytes, expect: damaged ? "either" : known, read: () => readAndCheck(bytes, parts) };
  },
};

function readAndCheck(bytes: Uint8Array, parts: readonly ZipPart[]): void {
  const archive = new ZipArchive(bytes, new ReadBudget(bytes.length));
  for (const name of archive.names()) {
    const content = archive.read(name);
    const sums = parts.map((part) => crc32(Uint8Array.from(part.content)));
    // Where a checksum is kept, the bytes are those of an entry that was written.
    sound(!archive.hasChecksums || sums.includes(crc32(content)), `${name} has other bytes`);
  }
}
