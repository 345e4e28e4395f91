import { afterAll, beforeAll, expect, test } from "vitest";
import type { EvaluateRecord, PurifyRecord, TrainRecord } from "../../src/lab/records/record.js";
import { parseRecord } from "../../src/lab/records/record.js";
import { CommandLine } from "./command-line.js";

let cli: CommandLine;
beforeAll(async () => {
  cli = await CommandLine.build();
});
afterAll(() => cli.remove());

/** The commands under a heading of `shiftgrad --help`, as they stand there. */
function commands(help: string, heading: string): string[][] {
  const [, after = ""] = help.split(`\n${heading}\n`);
  const [part = ""] = after.split("\n\n");
  return part.split("\n").map((line) => line.trim().split(" ").slice(1));
}

test("the steps that --help prints plant a backdoor and remove it", async () => {
  const help = await cli.run(["--help"]);
  const steps = commands(help.stdout, "Step by step");
  expect(steps.map(([name]) => name)).toEqual(["train", "purify", "evaluate"]);
  const records: unknown[] = [];
  for (const step of steps) {
    const run = await cli.run([...step.filter((word) => word !== "--json"), "--json"]);
    expect(run).toMatchObject({ code: 0 });
    records.push(parseRecord(run.stdout, step.join(" ")));
  }
  const [trained, purified, evaluated] = records as [TrainRecord, PurifyRecord, EvaluateRecord];
  const victim = trained.metrics?.examination;
  expect(victim?.cleanAccuracy).toBeGreaterThan(0.9);
  expect(victim?.backdoor?.attackSuccess).toBeGreaterThan(0.8);
  const after = purified.metrics?.after;
  expect(after?.cleanAccuracy).toBeGreaterThan(0.88);
  expect(after?.backdoor?.attackSuccess).toBeLessThan(0.03);
  expect(purified.metrics?.before).toEqual(victim);
  expect(evaluated.metrics?.examination).toEqual(after);
}, 600_000);
