import { describe, expect, it } from "vitest";
import { ReadBudget } from "../../src/io/read-budget.js";
import { ZipArchive } from "../../src/io/zip.js";
import { type ZipPart, zipFile } from "../support/zip-file.js";

const parts = [
  { name: "a/data.pkl", content: [9, 8, 7] },
  { name: "a/data/0", content: [1, 2, 3, 4, 5] },
  { name: "a/empty", content: [] },
];
const open = (file: Uint8Array) => new ZipArchive(file, new ReadBudget(file.length));
const made = (changed: Partial<ZipPart>) =>
  zipFile(parts.map((part, i) => (i === 1 ? { ...part, ...changed } : part)));

describe("ZipArchive", () => {
  it.each([
    ["as small archives are", zipFile(parts)],
    ["in ZIP64", zipFile(parts, { zip64: true })],
    ["with a comment", zipFile(parts, { comment: "PK\u0005\u0006 is how a directory ends" })],
  ])("reads entries %s", (_, file) => {
    const archive = open(file);
    expect([...archive.names()]).toEqual(["a/data.pkl", "a/data/0", "a/empty"]);
    expect([...archive.read("a/data.pkl")]).toEqual([9, 8, 7]);
    expect([...archive.read("a/data/0")]).toEqual([1, 2, 3, 4, 5]);
    expect(archive.read("a/empty").length).toBe(0);
    expect(archive.hasChecksums).toBe(true);
  });

  it("refuses an entry with flipped bits, and reads the others", () => {
    const file = zipFile(parts);
    const at = file.findIndex((_, i) => file[i] === 1 && file[i + 1] === 2 && file[i + 2] === 3);
    file[at + 2] = 7;
    const archive = open(file);
    expect([...archive.read("a/data.pkl")]).toEqual([9, 8, 7]);
    expect(() => archive.read("a/data/0")).toThrow(
      expect.objectContaining({
        name: "FileFormatError",
        message: expect.stringMatching(/the 5 bytes of a\/data\/0 do not have the CRC-32/),
        position: at,
      }),
    );
    // A checksum of 0 counts as none only where no entry has one.
    expect(() => open(made({ crc: 0 })).read("a/data/0")).toThrow(/CRC-32/);
    const unchecked = open(zipFile(parts.map((part) => ({ ...part, crc: 0 }))));
    expect([...unchecked.read("a/data/0")]).toEqual([1, 2, 3, 4, 5]);
    expect(unchecked.hasChecksums).toBe(false);
  });

  it("refuses compressed and encrypted entries by name, when they are asked for", () => {
    const packed = open(made({ method: 8 }));
    expect([...packed.read("a/data.pkl")]).toEqual([9, 8, 7]);
    expect(() => packed.read("a/data/0")).toThrow(/a\/data\/0 is compressed \(method 8\).* zip -0/);
    expect(() => open(made({ flags: 1 })).read("a/data/0")).toThrow(/a\/data\/0 is encrypted/);
    expect(() => packed.read("b")).toThrow(
      /it has no b; it holds a\/data.pkl, a\/data\/0, a\/empty/,
    );
  });

  it.each<[string, Uint8Array, RegExp]>([
    ["a name twice", made({ name: "a/data.pkl" }), /holds a\/data.pkl twice/],
    ["another name", made({ localName: "a/data/1" }), /the entry at byte 43 is not a\/data\/0/],
    ["too many entries", zipFile(parts, { count: 4 }), /4 entries .* does not end|directory entry/],
    ["too few entries", zipFile(parts, { count: 2 }), /after the directory belong to nothing/],
    ["2^63 entries", zipFile(parts, { zip64: true, count: 2 ** 53 }), /beyond any file/],
    ["no directory", zipFile(parts).subarray(0, 90), /has no directory; the file is cut off/],
    ["bytes at the end", Uint8Array.of(...zipFile(parts), 0), /no directory/],
  ])("refuses an archive with %s", (_, file, message) => {
    expect(() => open(file)).toThrow(
      expect.objectContaining({
        name: "FileFormatError",
        message: expect.stringMatching(message),
      }),
    );
  });

  it("refuses entries that share bytes, whose checksums are right", () => {
    expect(() => open(zipFile(parts, { nested: true }))).toThrow(
      /a\/data.pkl and a\/data\/0 share bytes/,
    );
    const file = zipFile(parts);
    const second = file.length - 22 - 53 - 54;
    const view = new DataView(file.buffer);
    expect(view.getUint32(second + 42, true)).toBe(43);
    view.setUint32(second + 42, 0, true);
    expect(() => open(file)).toThrow(/the entry at byte 0 is not a\/data\/0/);
  });

  it("charges a directory of many entries", () => {
    const many = zipFile(Array.from({ length: 300 }, (_, i) => ({ name: `${i}`, content: [] })));
    expect([...new ZipArchive(many, new ReadBudget(many.length)).names()].length).toBe(300);
    expect(() => new ZipArchive(many, new ReadBudget(many.length, 5000))).toThrow(
      /directory would take reading this file of \d+ bytes over 5000 bytes of memory/,
    );
  });
});
