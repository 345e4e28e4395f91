import { expect, test } from "vitest";
import type { EvaluateRecord, RunRecord } from "../../src/lab/records/record.js";
import { judge } from "../../src/lab/runs/judgement.js";
import { after, before, purifyRecord, trainRecord } from "./samples.js";

const classes = 3;
const tones = (record: RunRecord, source?: typeof trainRecord | typeof purifyRecord) =>
  judge(record, { classes, ...(source && { source }) }).map(
    ({ of, verdict }) => [of, verdict.tone, verdict.cautions.length] as const,
  );

const evaluation = {
  ...trainRecord,
  kind: "evaluate",
  configuration: { victim: trainRecord.configuration },
  metrics: { examination: after },
} as unknown as EvaluateRecord;

test("a run is judged by what it is, and from what it started", () => {
  expect(trainRecord.metrics?.examination).toEqual(before);
  expect(tones(trainRecord)).toEqual([["victim", "good", 0]]);
  const [[of, tone, cautions] = []] = tones(purifyRecord, trainRecord);
  expect([of, tone]).toEqual(["FST", "mixed"]);
  expect(tones(purifyRecord, purifyRecord)).toEqual([["FST", tone, (cautions ?? 0) + 1]]);
});

test("a model that was purified is held against what it was before, any other is a victim", () => {
  expect(tones(evaluation, purifyRecord)).toEqual([["model", "mixed", 1]]);
  expect(tones(evaluation, trainRecord)).toEqual([["model", "bad", 1]]);
});

test("a run that is not finished is not judged", () => {
  expect(judge({ ...trainRecord, metrics: null } as RunRecord, { classes })).toEqual([]);
});
