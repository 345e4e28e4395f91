import type { EvaluateConfiguration } from "./configuration.js";
import { checkData } from "./data-source.js";
import { Examiner } from "./examine.js";
import { type EvaluateRecord, recordVersion } from "./record.js";
import type { RunHooks, RunRequest } from "./recorded-run.js";
import { renderReport } from "./report.js";
import { claimDirectory, RunDirectory } from "./run-directory.js";
import { softwareVersions } from "./software.js";
import { type SourceRun, tellVariants, withModelOf } from "./source-run.js";
import { notPresets } from "./variants.js";

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
  { source, device, data, directory, command = [] }: EvaluateRequest,
  hooks: RunHooks = {},
): Promise<EvaluateRecord> {
  const started = new Date();
  const { victim } = source;
  checkData(data, source.record.data, source.directory.path);
  if (directory !== undefined)
    await claimDirectory(directory, { kind: "evaluate", configuration: { victim } });
  const examiner = Examiner.create(data.test, victim.attack);
  using notes = device.noteVariants();
  hooks.onStage?.("examining");
  const examination = await withModelOf(source, data.test, device, (model) =>
    examiner.examine(model, {
      ...(hooks.onExamined && { onProgress: hooks.onExamined }),
      ...(hooks.signal && { signal: hooks.signal }),
    }),
  );
  tellVariants(source, device, notes, hooks);
  const record: EvaluateRecord = {
    ...{ format: "shiftgrad-run", version: recordVersion, kind: "evaluate", state: "finished" },
    ...{ command, configuration: { victim }, data: data.identities },
    ...{ device: device.info, variants: notPresets(notes), software: softwareVersions(device) },
    started: started.toISOString(),
    seconds: (Date.now() - started.getTime()) / 1000,
    metrics: { examination },
    lineage: await source.directory.lineage(),
  };
  if (directory !== undefined) await writeRun(new RunDirectory(directory), record, examiner);
  return record;
}

async function writeRun(directory: RunDirectory, record: EvaluateRecord, examiner: Examiner) {
  const examination = record.metrics?.examination;
  const name = record.lineage?.directory ?? "";
  const report = renderReport({
    title: `Examination of ${name}`,
    lead: [],
    rows: examination ? [{ name, examination }] : [],
    curves: [],
    pictures: examiner.pictures(),
    record,
  });
  await directory.write("report", report);
  await directory.writeRecord(record);
}
