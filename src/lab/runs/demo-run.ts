import { join } from "node:path";
import { defenses } from "../../defenses/index.js";
import { type Options, settled } from "../../schema/index.js";
import { checkPrecision } from "../../training/precision.js";
import { type DemoConfiguration, demoSettings } from "../records/configuration.js";
import type { DemoRecord, PurifyMetrics, PurifyRecord, TrainRecord } from "../records/record.js";
import { modelInWords } from "../records/words.js";
import { type Curves, percent, type ResultRow, renderReport } from "../report/report.js";
import { checkVictim } from "../victims/victim.js";
import type { RunHooks } from "./attempt.js";
import { judge } from "./judgement.js";
import { purifyRun } from "./purify-run.js";
import { type Job, type Plan, type RunRequest, recordedRun } from "./recorded-run.js";
import { RunDirectory } from "./run-directory.js";
import { examinerOf, openSourceRun } from "./source-run.js";
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
  const { device, data, directory: path, command = [], keep } = request;
  const configuration = await settled(demoSettings, request.configuration, "demo");
  const { victim, methods, tuning } = configuration;
  checkPrecision(device, victim.training.precision);
  await checkVictim(data.train, victim);
  for (const method of methods) defenses.get(method);
  const plan: Plan<DemoRecord> = {
    kind: "demo",
    ...{ configuration, command, device, keep, directory: path },
    ...{ data: data.identities, lineage: null },
  };
  const part = (name: string) => ({ device, data, directory: join(path, name), keep: true });
  const job: Job<DemoRecord> = {
    async execute(attempt) {
      const trained = await trainRun({ ...part("victim"), configuration: victim }, hooks);
      const source = await openSourceRun(join(path, "victim"));
      const before = metricsOf(trained).examination;
      const purified: PurifyRecord[] = [];
      for (const method of methods) {
        const shared = { ...part(method), source, curve: victim.curve, before };
        purified.push(await purifyRun({ ...shared, method, tuning: of(method, tuning) }, hooks));
      }
      for (const { variants } of [trained, ...purified]) attempt.include(variants);
      const found = purified.map((r) => [r.configuration.method, metricsOf(r)] as const);
      return { metrics: { victim: before, methods: Object.fromEntries(found) } };
    },
    async report({ record, metrics }) {
      const read = (name: string) => new RunDirectory(join(path, name));
      const trained = (await read("victim").record()) as TrainRecord;
      const purified: PurifyRecord[] = [];
      const sample = victim.curve;
      const curves: Curves[] = [
        { title: "Training the victim", lines: await read("victim").metrics(trained), sample },
      ];
      for (const method of methods) {
        const found = (await read(method).record()) as PurifyRecord;
        const lines = await read(method).metrics(found);
        const title = `Tuning by ${defenses.get(method).title}`;
        curves.push({ title, lines, before: metrics.victim, sample });
        purified.push(found);
      }
      const { seconds } = trained;
      const source = await openSourceRun(join(path, "victim"));
      const examiner = await examinerOf(source, data.test, device);
      return renderReport({
        title: "A backdoor, and what tuning does to it",
        lead: lead(trained, purified),
        verdicts: judge(record, { classes: data.test.classes.length }),
        rows: [{ name: "Victim", examination: metrics.victim, seconds }, ...purified.map(rowOf)],
        pictures: examiner.pictures(),
        ...{ curves, record },
      });
    },
  };
  return recordedRun(plan, job, hooks);
}

/** Those of the options that a method has. */
function of(method: string, tuning: Options): Options {
  const { fields } = defenses.get(method).options;
  return Object.fromEntries(Object.entries(tuning).filter(([name]) => Object.hasOwn(fields, name)));
}

function metricsOf<R extends TrainRecord | PurifyRecord>(record: R): NonNullable<R["metrics"]> {
  if (record.metrics) return record.metrics;
  throw new Error(`a ${record.kind} run ended without metrics`);
}

function rowOf(record: PurifyRecord): ResultRow {
  const metrics: PurifyMetrics = metricsOf(record);
  return {
    name: defenses.get(record.configuration.method).title,
    examination: metrics.after,
    defenseEffectiveness: metrics.defenseEffectiveness,
    seconds: record.seconds,
  };
}

function lead(trained: TrainRecord, purified: readonly PurifyRecord[]): string[] {
  const { attack, model, training } = trained.configuration;
  const { poisonedImages } = metricsOf(trained);
  const found = purified.flatMap((record) => {
    const { after } = metricsOf(record);
    if (!after.backdoor) return [];
    const { title } = defenses.get(record.configuration.method);
    return [`${title} leaves ${percent(after.backdoor.attackSuccess)}`];
  });
  return [
    `A ${modelInWords(model)} learned ${trained.data.train?.name} for ` +
      `${training.epochs} epochs.` +
      (attack
        ? ` ${poisonedImages} of its training images (${percent(attack.rate)}) carried the ` +
          `${attack.name} trigger and the label of class ${attack.target}: a backdoor.`
        : ""),
    `The defender has ${trained.data.tuning?.images ?? 0} clean images that the victim has not ` +
      `seen, knows neither trigger nor target, and purifies the model, by each method from the same ` +
      "checkpoint.",
    ...(found.length > 0 ? [`Attack success afterwards: ${found.join(", ")}.`] : []),
  ];
}
