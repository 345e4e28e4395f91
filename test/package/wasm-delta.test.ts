import { expect, test } from "vitest";
import { difference, restore } from "../../scripts/wasm-delta.mjs";

const bytes = (length: number, seed: number): Buffer => {
  let state = seed;
  return Buffer.from(
    Array.from({ length }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state >>> 24;
    }),
  );
};
const base = bytes(3001, 1);

test.each([
  ["equal bytes", base],
  ["edits in place", Buffer.from(base.map((byte, i) => (i % 97 === 5 ? byte ^ 255 : byte)))],
  ["parts that moved", Buffer.concat([base.subarray(1700), bytes(7, 2), base.subarray(3, 900)])],
  ["nothing in common", bytes(333, 3)],
  ["no bytes", Buffer.alloc(0)],
])("a delta restores %s", (_, changed) => {
  expect(Buffer.compare(restore(base, difference(base, changed)), changed)).toBe(0);
});

test("a delta of few edits is small", () => {
  const changed = Buffer.from(base.map((byte, i) => (i % 300 === 7 ? byte ^ 1 : byte)));
  expect(difference(base, changed).length).toBeLessThan(100);
});
