import { join } from "node:path";
import { checkPrecision } from "../training/precision.js";
import type { DemoConfiguration } from "./configuration.js";
import { Examiner } from "./examine.js";
import { methodNamed } from "./purify.js";
import { purifyRun } from "./purify-run.js";
import type { DemoRecord, PurifyMetrics, PurifyRecord, TrainRecord } from "./record.js";
import { type Job, type Plan, type RunRequest, recordedRun } from "./recorded-run.js";
import { type Curves, percent, type ResultRow, renderReport } from "./report.js";
import { RunDirectory } from "./run-directory.js";
import type { RunHooks } from "./sitting.js";
import { openSourceRun } from "./source-run.js";
import { trainRun } from "./train-run.js";
import { victimData } from "./victim.js";

/**
 * Trains one victim and purifies it by several methods, each from the same checkpoint, side by
 * side. Every part is a run directory of its own below the demo's (`victim`, `ft`, `fst`, ...), so
 * an interrupted demo goes on where it stopped. Node only.
 */
export async function demoRun(
  request: RunRequest<DemoConfiguration>,
  hooks: RunHooks = {},
): Promise<DemoRecord> {
  const { configuration, device, data, directory: path, command = [], keep } = request;
  const { victim, methods, tuning } = configuration;
  checkPrecision(device, victim.training.precision);
  const examiner = Examiner.create(data.test, victim.attack);
  victimData(data.train, victim);
  methods.forEach(methodNamed);
  const plan: Plan<DemoRecord> = {
    kind: "demo",
    ...{ configuration, command, device, keep, directory: path },
    ...{ data: data.identities, lineage: null },
  };
  const part = (name: string) => ({ device, data, directory: join(path, name), keep: true });
  const job: Job<DemoRecord> = {
    async execute(sitting) {
      const trained = await trainRun({ ...part("victim"), configuration: victim }, hooks);
      const source = await openSourceRun(join(path, "victim"));
      const before = metricsOf(trained).examination;
      const purified: PurifyRecord[] = [];
      for (const method of methods) {
        const shared = { ...part(method), source, tuning, curve: victim.curve, before };
        purified.push(await purifyRun({ ...shared, method }, hooks));
      }
      for (const { variants } of [trained, ...purified]) sitting.include(variants);
      const found = purified.map((r) => [r.configuration.method, metricsOf(r)] as const);
      return { metrics: { victim: before, methods: Object.fromEntries(found) } };
    },
    async report({ record, metrics }) {
      const read = (name: string) => new RunDirectory(join(path, name));
      const trained = (await read("victim").record()) as TrainRecord;
      const purified: PurifyRecord[] = [];
      const curves: Curves[] = [
        { title: "Training the victim", lines: await read("victim").metrics(trained) },
      ];
      for (const method of methods) {
        const found = (await read(method).record()) as PurifyRecord;
        const lines = await read(method).metrics(found);
        const title = `Tuning by ${methodNamed(method).title}`;
        curves.push({ title, lines, before: metrics.victim });
        purified.push(found);
      }
      const { seconds } = trained;
      return renderReport({
        title: "A backdoor, and what tuning does to it",
        lead: lead(trained, purified),
        rows: [{ name: "Victim", examination: metrics.victim, seconds }, ...purified.map(rowOf)],
        pictures: examiner.pictures(),
        ...{ curves, record },
      });
    },
  };
  return recordedRun(plan, job, hooks);
}

function metricsOf<R extends TrainRecord | PurifyRecord>(record: R): NonNullable<R["metrics"]> {
  if (record.metrics) return record.metrics;
  throw new Error(`a ${record.kind} run ended without metrics`);
}

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
