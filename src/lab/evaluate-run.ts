import type { EvaluateConfiguration } from "./configuration.js";
import { checkIdentities } from "./data-source.js";
import { Examiner } from "./examine.js";
import type { EvaluateRecord } from "./record.js";
import { type Job, type Plan, type RunRequest, recordedRun } from "./recorded-run.js";
import { renderReport } from "./report.js";
import type { RunHooks } from "./sitting.js";
import { type SourceRun, tellSource, withModelOf } from "./source-run.js";

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
  const examiner = Examiner.create(data.test, victim.attack);
  const plan: Plan<EvaluateRecord> = {
    kind: "evaluate",
    ...{ command, device, keep, directory, lineage },
    ...{ configuration: { victim }, data: data.identities },
  };
  const job: Job<EvaluateRecord> = {
    async execute(sitting) {
      hooks.onStage?.("examining");
      const examination = await withModelOf(source, data.test, device, (model) =>
        examiner.examine(model, sitting.examination),
      );
      tellSource(source, device, sitting.notes, hooks);
      return { metrics: { examination } };
    },
    report: ({ record, metrics: { examination } }) =>
      renderReport({
        title: `Examination of ${lineage.directory}`,
        lead: [],
        rows: [{ name: lineage.directory, examination }],
        curves: [],
        pictures: examiner.pictures(),
        record,
      }),
  };
  return recordedRun(plan, job, hooks);
}
