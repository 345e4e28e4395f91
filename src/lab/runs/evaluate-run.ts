import type { EvaluateConfiguration } from "../records/configuration.js";
import type { EvaluateRecord } from "../records/record.js";
import { renderReport } from "../report/report.js";
import { checkIdentities } from "../victims/data-source.js";
import type { RunHooks } from "./attempt.js";
import { judge } from "./judgement.js";
import { type Job, type Plan, type RunRequest, recordedRun } from "./recorded-run.js";
import { examinerOf, type SourceRun, tellSource, withModelOf } from "./source-run.js";

export interface EvaluateRequest
  extends Omit<RunRequest<EvaluateConfiguration>, "configuration" | "directory"> {
  readonly source: SourceRun;
  /** Where record and report go, if anywhere. */
  readonly directory?: string;
}

/**
 * Examines the model of an earlier run on the whole test set. Node only.
 *
 * @throws DataMismatchError when the images at hand are not those of the run's record
 */
export async function evaluateRun(
  { source, device, data, directory, command = [], keep }: EvaluateRequest,
  hooks: RunHooks = {},
): Promise<EvaluateRecord> {
  const { victim, lineage } = source;
  checkIdentities(data.identities, source.record.data, source.directory.path);
  const examiner = await examinerOf(source, data.test, device);
  const plan: Plan<EvaluateRecord> = {
    kind: "evaluate",
    ...{ command, device, keep, directory, lineage },
    ...{ configuration: { victim }, data: data.identities },
  };
  const job: Job<EvaluateRecord> = {
    async execute(attempt) {
      hooks.onStage?.("examining");
      const examination = await withModelOf(source, data.test, device, (model) =>
        examiner.examine(model, attempt.examination),
      );
      tellSource(source, device, attempt.notes, hooks);
      return { metrics: { examination } };
    },
    report: ({ record, metrics: { examination } }) =>
      renderReport({
        title: `Examination of ${lineage.directory}`,
        lead: [],
        verdicts: judge(record, { classes: data.test.classes.length, source: source.record }),
        rows: [{ name: lineage.directory, examination }],
        curves: [],
        pictures: examiner.pictures(),
        record,
      }),
  };
  return recordedRun(plan, job, hooks);
}
