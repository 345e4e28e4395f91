import { expect, test } from "vitest";
import { resumable, Stopped } from "../../src/cli/outcome.js";
import { Interrupted } from "../../src/cli/outputs.js";
import type { RunLeft } from "../../src/lab/sitting.js";

const ways = { again: ["train", "--out", "my runs"], resume: ["train", "--resume", "my runs"] };
const full = new Error("cannot write my runs/resume.safetensors: ENOSPC: no space left on device");
const left: RunLeft = { directory: "my runs", epochs: 3, finished: false };
const outer: RunLeft = { directory: "demo", epochs: 0, finished: false };

test.each<[string, Error, readonly RunLeft[], string]>([
  [
    "an error after some epochs",
    full,
    [left, outer],
    `${full.message}; 3 epochs are done and kept in my runs\ngo on with: shiftgrad train --resume 'my runs'`,
  ],
  [
    "an error after one",
    full,
    [{ ...left, epochs: 1 }],
    `${full.message}; 1 epoch is done and kept in my runs\ngo on with: shiftgrad train --resume 'my runs'`,
  ],
  [
    "a report that is missing",
    full,
    [{ ...left, finished: true }],
    `${full.message}; all but the report is in my runs\ngo on with: shiftgrad train --resume 'my runs'`,
  ],
  [
    "Ctrl-C before the first epoch ends",
    new Interrupted("SIGINT"),
    [{ ...left, epochs: 0 }],
    "interrupted; no epoch is done yet in my runs; go on with: shiftgrad train --resume 'my runs'",
  ],
  [
    "Ctrl-C before the run began",
    new Interrupted("SIGINT"),
    [],
    "interrupted; nothing was begun; go on with: shiftgrad train --out 'my runs'",
  ],
])("%s says what is left and how to go on", async (_, error, lefts, message) => {
  const stopped = resumable({}, ways, async ({ onLeft }) => {
    for (const found of lefts) onLeft?.(found);
    throw error;
  }).catch((reason: unknown) => reason as Stopped);
  expect(await stopped).toBeInstanceOf(Stopped);
  expect(await stopped).toMatchObject({ message, cause: error });
});

test("what is refused before a run began is told as it is", async () => {
  const refused = new RangeError("rate is 2");
  await expect(resumable({}, ways, () => Promise.reject(refused))).rejects.toBe(refused);
});
