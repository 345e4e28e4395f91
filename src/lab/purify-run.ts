import type { TuningOptions } from "../defenses/tuning.js";
import { checkPrecision } from "../training/precision.js";
import { encodeCheckpoint } from "./checkpoint.js";
import type { CurveConfiguration, PurifyConfiguration } from "./configuration.js";
import { checkIdentities, identify } from "./data-source.js";
import { Examiner } from "./examine.js";
import { defenseEffectiveness, type Examination } from "./metrics.js";
import { methodNamed, purify } from "./purify.js";
import type { DataIdentity, PurifyMetrics, PurifyRecord } from "./record.js";
import { type Job, type Plan, type RunRequest, recordedRun } from "./recorded-run.js";
import { percent, renderReport } from "./report.js";
import type { RunHooks } from "./sitting.js";
import { type SourceRun, tellSource, withModelOf } from "./source-run.js";
import { splitFor } from "./victim.js";

export interface PurifyRequest extends Omit<RunRequest<PurifyConfiguration>, "configuration"> {
  /** The run whose model is purified; it is left as it is. */
  readonly source: SourceRun;
  readonly method: string;
  readonly tuning: TuningOptions;
  readonly curve: CurveConfiguration;
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
  const { source, method, tuning, curve, device, data, command = [], keep } = request;
  const { victim, lineage } = source;
  const { title } = methodNamed(method);
  checkPrecision(device, tuning.precision);
  const checkParts = (parts: Readonly<Record<string, DataIdentity>>) =>
    checkIdentities(parts, source.record.data, source.directory.path);
  checkParts(data.identities);
  const clean = splitFor(victim, data.train).tuning;
  const identities = { ...data.identities, tuning: await identify(clean) };
  checkParts(identities);
  const examiner = Examiner.create(data.test, victim.attack);
  const sample = curve.clean > 0 ? examiner.sample(curve.clean, curve.triggered) : null;
  const plan: Plan<PurifyRecord> = {
    kind: "purify",
    ...{ command, device, keep, directory: request.directory, lineage },
    configuration: { method, tuning, curve, victim },
    data: identities,
  };
  const job: Job<PurifyRecord> = {
    execute: (sitting) =>
      withModelOf(source, data.test, device, async (model) => {
        const loop = sitting.loop(tuning.epochs, sample);
        if (!request.before) hooks.onStage?.("examining the model before");
        const before = request.before ?? (await examiner.examine(model, sitting.examination));
        hooks.onStage?.(`purifying by ${title}`);
        const loss = await purify(model, clean, method, tuning, loop);
        hooks.onStage?.("examining the model after");
        const after = await examiner.examine(model, sitting.examination);
        tellSource(source, device, sitting.notes, hooks);
        const metrics = { loss, before, after };
        return {
          metrics: { ...metrics, defenseEffectiveness: defenseEffectiveness(before, after) },
          checkpoint: await encodeCheckpoint(model, victim.model),
        };
      }),
    report: ({ record, metrics, lines }) =>
      renderReport({
        title: `A backdoor and ${title}`,
        lead: lead(title, metrics, record),
        rows: [
          { name: "Before", examination: metrics.before },
          {
            name: `After ${title}`,
            examination: metrics.after,
            defenseEffectiveness: metrics.defenseEffectiveness,
          },
        ],
        curves: [{ title: `Tuning by ${title}`, lines, before: metrics.before }],
        pictures: examiner.pictures(),
        record,
      }),
  };
  return recordedRun(plan, job, hooks);
}

function lead(title: string, { before, after }: PurifyMetrics, record: PurifyRecord): string[] {
  const { method, tuning } = record.configuration;
  const what =
    `${title} ${methodNamed(method).doc}, with ${record.data.tuning?.images ?? 0} clean images, ` +
    `${tuning.epochs} epochs at learning rate ${tuning.lr}, seed ${tuning.seed}.`;
  if (!before.backdoor || !after.backdoor) return [what];
  return [
    what,
    `Attack success went from ${percent(before.backdoor.attackSuccess)} to ` +
      `${percent(after.backdoor.attackSuccess)}, accuracy on clean images from ` +
      `${percent(before.cleanAccuracy)} to ${percent(after.cleanAccuracy)}.`,
  ];
}
