import { rm } from "node:fs/promises";
import type { TuningOptions } from "../defenses/tuning.js";
import { checkPrecision } from "../training/precision.js";
import { encodeCheckpoint } from "./checkpoint.js";
import type { CurveConfiguration, PurifyConfiguration } from "./configuration.js";
import { checkData, identify } from "./data-source.js";
import { Examiner } from "./examine.js";
import { defenseEffectiveness, type Examination } from "./metrics.js";
import { methodNamed, purify } from "./purify.js";
import type { PurifyMetrics, PurifyRecord } from "./record.js";
import {
  MetricsWriter,
  type Plan,
  type RunHooks,
  type RunRequest,
  recordedRun,
} from "./recorded-run.js";
import { percent, renderReport } from "./report.js";
import { type SourceRun, tellVariants, withModelOf } from "./source-run.js";
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
  const { source, method, tuning, curve, device, data, command = [] } = request;
  const { victim } = source;
  const { title } = methodNamed(method);
  checkPrecision(device, tuning.precision);
  checkData(data, source.record.data, source.directory.path);
  const clean = splitFor(victim, data.train).tuning;
  const plan: Plan<PurifyRecord> = {
    kind: "purify",
    ...{ command, device, directory: request.directory },
    configuration: { method, tuning, curve, victim },
    data: { ...data.identities, tuning: await identify(clean) },
    lineage: await source.directory.lineage(),
  };
  const { signal } = hooks;
  const examineHooks = {
    ...(hooks.onExamined && { onProgress: hooks.onExamined }),
    ...(signal && { signal }),
  };
  return recordedRun<PurifyRecord>(plan, async (sitting) => {
    const { directory } = sitting;
    const resume = await sitting.resume(hooks);
    const examiner = Examiner.create(data.test, victim.attack);
    const sample = curve.clean > 0 ? examiner.sample(curve.clean, curve.triggered) : null;
    const writer = new MetricsWriter(directory);
    const metrics = await withModelOf(source, data.test, device, async (model) => {
      if (!request.before) hooks.onStage?.("examining the model before");
      const before = request.before ?? (await examiner.examine(model, examineHooks));
      hooks.onStage?.(`purifying by ${title}`);
      const loss = await purify(model, clean, method, tuning, {
        onStep(progress) {
          writer.step(progress);
          hooks.onStep?.(progress);
        },
        onEpoch: async (progress, tuned) => {
          const found = sample && (await sample.examine(tuned, { ...(signal && { signal }) }));
          const line = await writer.epoch(progress, found);
          hooks.onEpoch?.(line, progress.epochs);
        },
        onPause: (state) => sitting.pause(state),
        ...(resume && { resume }),
        ...(hooks.onCompile && { onCompile: hooks.onCompile }),
        ...(signal && { signal }),
      });
      hooks.onStage?.("examining the model after");
      const after = await examiner.examine(model, examineHooks);
      tellVariants(source, device, sitting.notes, hooks);
      await directory.write("checkpoint", await encodeCheckpoint(model, victim.model));
      await rm(directory.file("resume"), { force: true });
      return { loss, before, after, defenseEffectiveness: defenseEffectiveness(before, after) };
    });
    return {
      metrics,
      report: async (record) =>
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
          curves: [
            {
              title: `Tuning by ${title}`,
              lines: await directory.metrics.read(),
              before: metrics.before,
            },
          ],
          pictures: examiner.pictures(),
          record,
        }),
    };
  });
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
