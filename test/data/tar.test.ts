import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { tarEntries } from "../../src/data/tar.js";
import { text } from "../support/bytes.js";
import { tarFile } from "../support/tar-file.js";

const read = (archive: Uint8Array) =>
  [...tarEntries(archive)].map(({ path, data }) => [path, Buffer.from(data).toString()]);
const one = { name: "a", content: text("abc") };

describe("tarEntries", () => {
  const gnuTar = process.platform === "linux";
  it.skipIf(!gnuTar).each(["ustar", "gnu", "pax", "v7"])(
    "reads what the system's tar packs as %s",
    (format) => {
      const folder = mkdtempSync(join(tmpdir(), "tar-"));
      try {
        const deep = format === "v7" ? "short" : `${"directory/".repeat(9)}${"x".repeat(60)}`;
        mkdirSync(join(folder, "in", deep), { recursive: true });
        writeFileSync(join(folder, "in", deep, "file"), "content");
        writeFileSync(join(folder, "in/empty"), "");
        writeFileSync(join(folder, "in/block"), "y".repeat(512));
        symlinkSync("block", join(folder, "in/link"));
        const path = join(folder, "packed.tar");
        execFileSync("tar", [`--format=${format}`, "--sort=name", "-cf", path, "-C", folder, "in"]);
        const found = read(readFileSync(path));
        expect(found).toEqual([
          ["in/block", "y".repeat(512)],
          ...(format === "v7" ? [] : [[`in/${deep}/file`, "content"]]),
          ["in/empty", ""],
          ...(format === "v7" ? [["in/short/file", "content"]] : []),
        ]);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );

  it.each<[string, Uint8Array, RegExp]>([
    ["a negative size", tarFile([{ ...one, size: "-1000" }]), /size of a is -1000, not an octal/],
    [
      "a size that is none",
      tarFile([{ ...one, size: "9" }]),
      /size of a is 9, not an octal number/,
    ],
    [
      "a size in base 256",
      tarFile([{ ...one, size: [0x80, ...new Array(10).fill(0), 3] }]),
      /size of a is in base 256.* tar --format=ustar/,
    ],
    [
      "a negative size in base 256",
      tarFile([{ ...one, size: new Array(12).fill(255) }]),
      /base 256/,
    ],
    [
      "a size beyond the end",
      tarFile([{ ...one, size: "77777777777" }]),
      /ends within a \(8589934591/,
    ],
    ["a cut between two files", tarFile([one], []), /ends at byte 1024 without its end mark/],
    ["a cut within a header", tarFile([one], new Array(300).fill(0)), /ends at byte 1324 without/],
    ["a cut within padding", tarFile([one], []).subarray(0, 700), /ends at byte 700 without/],
    [
      "a cut within a file",
      tarFile([one], []).subarray(0, 514),
      /archive ends within a \(3 bytes\)/,
    ],
    ["nothing", new Uint8Array(0), /ends at byte 0 without its end mark/],
    [
      "files after its end",
      tarFile([one], [...new Array(512).fill(0), ...tarFile([one])]),
      /goes on at byte 1536, after its end mark/,
    ],
    ["pax records without end", pax("99 path=b\n"), /extended header at byte 0 is damaged/],
    ["pax records of length 0", pax("0 path=b\n"), /extended header at byte 0 is damaged/],
    ["a size among pax's records", pax("9 size=5\n"), /has sizes, which are not read/],
  ])("refuses an archive with %s", (_, archive, message) => {
    expect(() => read(archive)).toThrow(
      expect.objectContaining({ name: "FileFormatError", message: expect.stringMatching(message) }),
    );
  });

  it("refuses a header with a wrong checksum", () => {
    const archive = tarFile([one]);
    archive[3] = 65;
    expect(() => read(archive)).toThrow(/header at byte 0 has a wrong checksum/);
  });

  it("reads pax's path for the next file alone, and one block of zeros as the end", () => {
    const path = { name: "x", kind: "x", content: text("12 path=b/c\n") };
    const other = { name: "d", prefix: "p", content: [] };
    const found = read(tarFile([path, one, other], new Array(512).fill(0)));
    expect(found).toEqual([
      ["b/c", "abc"],
      ["p/d", ""],
    ]);
  });
});

function pax(records: string): Uint8Array {
  return tarFile([{ name: "x", kind: "x", content: text(records) }, one]);
}
