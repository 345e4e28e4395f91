import { type DefenseDefinition, defenses } from "../../defenses/index.js";
import { type Options, settled } from "../../schema/index.js";
import { encodeCheckpoint } from "../records/checkpoint.js";
import {
  type CurveConfiguration,
  type PurifyConfiguration,
  purifyChoice,
} from "../records/configuration.js";
import { defenseEffectiveness, type Examination } from "../records/metrics.js";
import type { DataIdentity, PurifyMetrics, PurifyRecord } from "../records/record.js";
import { changesInWords } from "../records/words.js";
import { percent, renderReport } from "../report/report.js";
import { checkIdentities, identify } from "../victims/data-source.js";
import { purify } from "../victims/purify.js";
import { splitFor } from "../victims/victim.js";
import type { RunHooks } from "./attempt.js";
import { judge } from "./judgement.js";
import { type Job, type Plan, type RunRequest, recordedRun } from "./recorded-run.js";
import { examinerOf, type SourceRun, tellSource, withModelOf } from "./source-run.js";

export interface PurifyRequest extends Omit<RunRequest<PurifyConfiguration>, "configuration"> {
  /** The run whose model is purified; it is left as it is. */
  readonly source: SourceRun;
  /** A defense's name. */
  readonly method: string;
  /** Its options, where they are not its defaults. */
  readonly tuning?: Options;
  readonly curve?: CurveConfiguration;
  /** What is known of the model before; it is examined otherwise. */
  readonly before?: Examination;
}

/**
 * Purifies the model of an earlier run with the clean tuning images that its victim's split held
 * out, and examines it before and after. An interrupted run goes on at its last finished epoch and
 * ends the same. Node only.
 *
 * @throws DataMismatchError when the images at hand are not those of the victim's record
 */
export async function purifyRun(
  request: PurifyRequest,
  hooks: RunHooks = {},
): Promise<PurifyRecord> {
  const { source, device, data, command = [], keep } = request;
  const { victim, lineage } = source;
  const { method, tuning: given = {}, curve: looks } = request;
  const wanted = { method, tuning: given, victim, ...(looks && { curve: looks }) };
  const configuration = await settled(purifyChoice, wanted, "purify");
  const { tuning, curve } = configuration;
  const defense = defenses.get(method);
  const { title } = defense;
  const checkParts = (parts: Readonly<Record<string, DataIdentity>>) =>
    checkIdentities(parts, source.record.data, source.directory.path);
  checkParts(data.identities);
  const clean = splitFor(victim, data.train).tuning;
  const identities = { ...data.identities, tuning: await identify(clean) };
  checkParts(identities);
  defense.check?.(device, clean, tuning);
  const cost = costInWords(defense.passes(tuning, clean), clean.labels.length);
  const examiner = await examinerOf(source, data.test, device);
  const sample = curve.clean > 0 ? examiner.sample(curve.clean, curve.triggered) : null;
  const plan: Plan<PurifyRecord> = {
    kind: "purify",
    ...{ command, device, keep, directory: request.directory, lineage },
    configuration,
    data: identities,
  };
  const job: Job<PurifyRecord> = {
    execute: (attempt) =>
      withModelOf(source, data.test, device, async (model) => {
        const loop = attempt.loop(sample, defense.epochs?.(tuning));
        if (!request.before) hooks.onStage?.("examining the model before");
        const before = request.before ?? (await examiner.examine(model, attempt.examination));
        const stage = `purifying by ${title}`;
        hooks.onStage?.(`${stage}, ${cost}`);
        const onStage = (part: string): void => hooks.onStage?.(`${stage}: ${part}`);
        const { onStep: onPart } = hooks;
        const parts = { onStage, ...(onPart && { onPart }) };
        const loss = await purify(model, clean, method, tuning, { ...loop, ...parts });
        hooks.onStage?.("examining the model after");
        const after = await examiner.examine(model, attempt.examination);
        tellSource(source, device, attempt.notes, hooks);
        const metrics = { loss, before, after };
        return {
          metrics: { ...metrics, defenseEffectiveness: defenseEffectiveness(before, after) },
          results: {
            checkpoint: await encodeCheckpoint(model, victim.model),
            ...(source.attack && { attack: source.attack }),
          },
        };
      }),
    report: ({ record, metrics, lines }) =>
      renderReport({
        title: `A backdoor and ${title}`,
        lead: lead(defense, metrics, record, cost),
        verdicts: judge(record, { classes: data.test.classes.length, source: source.record }),
        rows: [
          { name: "Before", examination: metrics.before },
          {
            name: `After ${title}`,
            examination: metrics.after,
            defenseEffectiveness: metrics.defenseEffectiveness,
          },
        ],
        curves: [{ title: `Tuning by ${title}`, lines, before: metrics.before, sample: curve }],
        pictures: examiner.pictures(),
        record,
      }),
  };
  return recordedRun(plan, job, hooks);
}

function lead(
  defense: DefenseDefinition,
  { before, after }: PurifyMetrics,
  { configuration: { tuning }, data }: PurifyRecord,
  cost: string,
): string[] {
  const epochs = defense.epochs?.(tuning);
  const what =
    `${defense.title} ${defense.doc}, with ${data.tuning?.images ?? 0} clean images` +
    `${epochs === undefined ? "" : ` for ${epochs} epochs`} (${cost}; settings: ` +
    `${changesInWords(defense, tuning)}).`;
  if (!before.backdoor || !after.backdoor) return [what];
  return [
    what,
    `Attack success went from ${percent(before.backdoor.attackSuccess)} to ` +
      `${percent(after.backdoor.attackSuccess)}, accuracy on clean images from ` +
      `${percent(before.cleanAccuracy)} to ${percent(after.cleanAccuracy)}.`,
  ];
}

/** "at most 10 passes over 1000 images". */
function costInWords(passes: number, images: number): string {
  const count = passes < 10 ? Number(passes.toFixed(1)) : Math.round(passes);
  return `at most ${count} pass${count === 1 ? "" : "es"} over ${images} images`;
}
