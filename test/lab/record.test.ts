import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { FormatError } from "../../src/lab/fields.js";
import { parseRecord } from "../../src/lab/read-record.js";
import { formatRecord, type RunRecord, recordHash } from "../../src/lab/record.js";
import { version } from "../../src/lab/version.js";
import { purifyRecord, trainRecord } from "./samples.js";

const changed = (change: (record: Record<string, unknown>) => void): string => {
  const record = JSON.parse(formatRecord(purifyRecord)) as Record<string, unknown>;
  change(record);
  return sealed(record);
};
const sealed = ({ sha256: _, ...record }: Record<string, unknown>): string =>
  JSON.stringify({ ...record, sha256: recordHash(record) });
const parsing = (text: string) => () => parseRecord(text, "run/record.json");

test("a record survives writing and reading", () => {
  expect(parsing(formatRecord(trainRecord))()).toEqual(trainRecord);
  expect(parsing(formatRecord(purifyRecord))()).toEqual(purifyRecord);
});

/** A record as the first version of the format had it. */
const first = (record: RunRecord): string => {
  const { files: _, ...others } = { ...record, version: 1 };
  return JSON.stringify(others);
};

test("a record of version 1 is read, and names no hashes", () => {
  expect(parsing(first(trainRecord))()).toEqual({ ...trainRecord, version: 1, files: null });
});

test("a record from before there was a choice of precision is of an f32 run", () => {
  const text = first(purifyRecord).replaceAll(/,"precision":"f32"/g, "");
  expect(text).not.toContain("precision");
  expect(parsing(text)()).toEqual({ ...purifyRecord, version: 1, files: null });
});

test("a bit that flips anywhere in a record is found, or changes nothing", () => {
  const bytes = new TextEncoder().encode(formatRecord(trainRecord));
  for (let bit = 3; bit < bytes.length * 8; bit += 29) {
    const flipped = bytes.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    let found: RunRecord;
    try {
      found = parsing(new TextDecoder().decode(flipped))();
    } catch (error) {
      expect(error).toBeInstanceOf(FormatError);
      continue;
    }
    expect(found).toEqual(trainRecord);
  }
});

test("variants are kept, and a record from before they were noted has none", () => {
  const variants = { "matmul nn 32x16x32x1": "columns32x32", "convolution conv2d": "winograd" };
  const text = formatRecord({ ...trainRecord, variants });
  expect(parsing(text)()).toEqual({ ...trainRecord, variants });
  const { variants: _, ...older } = JSON.parse(text) as Record<string, unknown>;
  expect(parsing(sealed(older))()).toEqual(trainRecord);
});

test("an unfinished record has no metrics", () => {
  const running = { ...trainRecord, state: "interrupted", metrics: null } as const;
  expect(parsing(formatRecord(running))()).toEqual(running);
});

test.each([
  ["{", "run/record.json is not JSON"],
  ["[1]", "run/record.json must be an object, not [1]"],
  ['{"format":"other"}', 'format must be one of "shiftgrad-run", not "other"'],
  [
    changed((r) => Object.assign(r, { version: 9 })),
    "has version 9, this shiftgrad reads versions 1 and 2",
  ],
  [
    JSON.stringify({ ...JSON.parse(formatRecord(trainRecord)), seconds: 3 }),
    "run/record.json was damaged or changed since it was written",
  ],
  [
    changed((r) => Object.assign(r, { files: { "checkpoint.safetensors": 7 } })),
    "files: checkpoint.safetensors must be 64 hexadecimal digits, not 7",
  ],
  [changed((r) => Object.assign(r, { kind: "grid" })), 'kind must be one of "train"'],
  [changed((r) => delete r.seconds), "seconds must be a finite number, not missing"],
  [
    changed((r) => Object.assign(r.metrics as object, { after: { cleanAccuracy: 79 } })),
    "run/record.json: metrics: after: cleanAccuracy must be a number in 0 .. 1, not 79",
  ],
  [
    changed((r) => Object.assign(r.lineage as object, { checkpoint: "E".repeat(64) })),
    "run/record.json: lineage: checkpoint must be 64 hexadecimal digits",
  ],
  [
    changed((r) => Object.assign((r.configuration as { tuning: object }).tuning, { epochs: 2.5 })),
    "configuration: tuning: epochs must be an integer of at least 1, not 2.5",
  ],
  [
    changed((r) => Object.assign(r, { variants: { "matmul nn": 3 } })),
    "run/record.json: variants: matmul nn must be a string, not 3",
  ],
  [
    changed((r) => Object.assign(r, { metrics: null })),
    "run/record.json: metrics must be an object, not null",
  ],
])("refuses %.30s", (text, message) => {
  expect(parsing(text)).toThrow(FormatError);
  expect(parsing(text)).toThrow(message);
});

test("the version is the package's", () => {
  const path = new URL("../../package.json", import.meta.url);
  const found = JSON.parse(readFileSync(path, "utf8")) as { version: string };
  expect(version).toBe(found.version);
});
