import { join } from "node:path";
import { checkPrecision } from "../training/precision.js";
import type { DemoConfiguration } from "./configuration.js";
import { Examiner } from "./examine.js";
import { methodNamed } from "./purify.js";
import { purifyRun } from "./purify-run.js";
import type { DemoRecord, PurifyMetrics, PurifyRecord, RunRecord, TrainRecord } from "./record.js";
import { type Plan, type RunHooks, type RunRequest, recordedRun } from "./recorded-run.js";
import { type Curves, percent, type ResultRow, renderReport } from "./report.js";
import { RunDirectory } from "./run-directory.js";
import { openSourceRun } from "./source-run.js";
import { trainRun } from "./train-run.js";

/**
 * Trains one victim and purifies it by several methods, each from the same checkpoint, side by
 * side. Every part is a run directory of its own below the demo's (`victim`, `ft`, `fst`, ...), so
 * an interrupted demo goes on where it stopped. Node only.
 */
export async function demoRun(
  request: RunRequest<DemoConfiguration>,
  hooks: RunHooks = {},
): Promise<DemoRecord> {
  const { configuration, device, data, command = [] } = request;
  const { victim, methods, tuning } = configuration;
  checkPrecision(device, victim.training.precision);
  const plan: Plan<DemoRecord> = {
    kind: "demo",
    ...{ configuration, command, device, directory: request.directory },
    ...{ data: data.identities, lineage: null },
  };
  return recordedRun<DemoRecord>(plan, async (sitting) => {
    const { path } = sitting.directory;
    const victimPath = join(path, "victim");
    const trained =
      (await finished<TrainRecord>(victimPath)) ??
      (await trainRun({ configuration: victim, device, data, directory: victimPath }, hooks));
    const source = await openSourceRun(victimPath);
    const examination = metricsOf(trained).examination;
    const shared = { source, tuning, curve: victim.curve, before: examination, device, data };
    const purified: PurifyRecord[] = [];
    for (const method of methods) {
      const directory = join(path, method);
      purified.push(
        (await finished<PurifyRecord>(directory)) ??
          (await purifyRun({ ...shared, method, directory }, hooks)),
      );
    }
    for (const part of [trained, ...purified]) sitting.include(part.variants);
    const found = purified.map(
      (record) => [record.configuration.method, metricsOf(record)] as const,
    );
    const curves: Curves[] = [await curvesOf(victimPath, "Training the victim")];
    for (const [method] of found) {
      const title = `Tuning by ${methodNamed(method).title}`;
      curves.push({ ...(await curvesOf(join(path, method), title)), before: examination });
    }
    return {
      metrics: { victim: examination, methods: Object.fromEntries(found) },
      report: async (record) =>
        renderReport({
          title: "A backdoor, and what tuning does to it",
          lead: lead(trained, purified),
          rows: [{ name: "Victim", examination, seconds: trained.seconds }, ...purified.map(rowOf)],
          curves,
          pictures: Examiner.create(data.test, victim.attack).pictures(),
          record,
        }),
    };
  });
}

/** The record of a part that an earlier call has finished. */
async function finished<R extends RunRecord>(path: string): Promise<R | null> {
  const record = await new RunDirectory(path).recordIfAny();
  return record?.state === "finished" ? (record as R) : null;
}

function metricsOf<R extends TrainRecord | PurifyRecord>(record: R): NonNullable<R["metrics"]> {
  if (record.metrics) return record.metrics;
  throw new Error(`a ${record.kind} run ended without metrics`);
}

const curvesOf = async (path: string, title: string): Promise<Curves> => ({
  title,
  lines: await new RunDirectory(path).metrics.read(),
});

function rowOf(record: PurifyRecord): ResultRow {
  const metrics: PurifyMetrics = metricsOf(record);
  return {
    name: methodNamed(record.configuration.method).title,
    examination: metrics.after,
    defenseEffectiveness: metrics.defenseEffectiveness,
    seconds: record.seconds,
  };
}

function lead(trained: TrainRecord, purified: readonly PurifyRecord[]): string[] {
  const { attack, model, training } = trained.configuration;
  const { poisonedImages } = metricsOf(trained);
  const tuning = purified[0]?.configuration.tuning;
  const found = purified.flatMap((record) => {
    const { after } = metricsOf(record);
    if (!after.backdoor) return [];
    const { title } = methodNamed(record.configuration.method);
    return [`${title} leaves ${percent(after.backdoor.attackSuccess)}`];
  });
  return [
    `A ${model.architecture} of width ${model.width} learned ${trained.data.train?.name} for ` +
      `${training.epochs} epochs.` +
      (attack
        ? ` ${poisonedImages} of its training images (${percent(attack.rate)}) carried the ` +
          `${attack.name} trigger and the label of class ${attack.target}: a backdoor.`
        : ""),
    `The defender has ${trained.data.tuning?.images ?? 0} clean images that the victim has not ` +
      `seen, knows neither trigger nor target, and tunes the model for ${tuning?.epochs ?? 0} ` +
      "epochs, each method from the same checkpoint.",
    ...(found.length > 0 ? [`Attack success afterwards: ${found.join(", ")}.`] : []),
  ];
}
