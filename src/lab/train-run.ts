import { rm } from "node:fs/promises";
import { placementOf } from "../nn/place.js";
import { checkPrecision } from "../training/precision.js";
import { encodeCheckpoint } from "./checkpoint.js";
import type { TrainConfiguration } from "./configuration.js";
import { identify } from "./data-source.js";
import { Examiner } from "./examine.js";
import type { TrainRecord } from "./record.js";
import {
  MetricsWriter,
  type Plan,
  type RunHooks,
  type RunRequest,
  recordedRun,
} from "./recorded-run.js";
import { percent, renderReport } from "./report.js";
import { splitFor, trainVictim } from "./victim.js";

/**
 * Trains a victim and leaves its checkpoint, curves, record and report in a directory. A directory
 * with an interrupted run of this configuration is continued at its last finished epoch, with the
 * same result as without the interruption. Node only.
 */
export async function trainRun(
  request: RunRequest<TrainConfiguration>,
  hooks: RunHooks = {},
): Promise<TrainRecord> {
  const { configuration, device, data, command = [] } = request;
  checkPrecision(device, configuration.training.precision);
  const tuning = await identify(splitFor(configuration, data.train).tuning);
  const plan: Plan<TrainRecord> = {
    kind: "train",
    ...{ configuration, command, device, directory: request.directory },
    ...{ data: { ...data.identities, tuning }, lineage: null },
  };
  return recordedRun<TrainRecord>(plan, async (sitting) => {
    const { directory } = sitting;
    const examiner = Examiner.create(data.test, configuration.attack);
    const { curve } = configuration;
    const sample = curve.clean > 0 ? examiner.sample(curve.clean, curve.triggered) : null;
    const resume = await sitting.resume(hooks);
    const writer = new MetricsWriter(directory);
    const { signal } = hooks;

    hooks.onStage?.("training");
    const victim = await trainVictim(device, data.train, configuration, {
      onStep(progress) {
        writer.step(progress);
        hooks.onStep?.(progress);
      },
      onEpoch: async (progress, model) => {
        const found = sample && (await sample.examine(model, { ...(signal && { signal }) }));
        const line = await writer.epoch(progress, found);
        hooks.onEpoch?.(line, progress.epochs);
      },
      onPause: (state) => sitting.pause(state),
      ...(resume && { resume }),
      ...(hooks.onCompile && { onCompile: hooks.onCompile }),
      ...(signal && { signal }),
    });
    try {
      hooks.onStage?.("examining");
      const examination = await examiner.examine(victim.model, {
        ...(hooks.onExamined && { onProgress: hooks.onExamined }),
        ...(signal && { signal }),
      });
      await directory.write(
        "checkpoint",
        await encodeCheckpoint(victim.model, configuration.model),
      );
      await rm(directory.file("resume"), { force: true });
      const { loss, poisonedImages } = victim;
      const metrics = { loss, poisonedImages, examination };
      return {
        metrics,
        report: async (record) =>
          renderReport({
            title: title(configuration),
            lead: lead(configuration, poisonedImages, data.train.labels.length, record),
            rows: [{ name: "Victim", examination }],
            curves: [{ title: "Training", lines: await directory.metrics.read() }],
            pictures: examiner.pictures(),
            record,
          }),
      };
    } finally {
      placementOf(victim.model).release();
    }
  });
}

const title = ({ attack, model }: TrainConfiguration): string =>
  attack
    ? `A ${model.architecture} with a ${attack.name} backdoor`
    : `A clean ${model.architecture}`;

function lead(
  configuration: TrainConfiguration,
  poisoned: number,
  images: number,
  record: TrainRecord,
): string[] {
  const { attack, model, training, seed } = configuration;
  const found = record.metrics?.examination;
  return [
    `${model.architecture} of width ${model.width}, trained for ${training.epochs} epochs with ` +
      `seed ${seed} on ${images} images of ${record.data.train?.name ?? "the training set"}, ` +
      `less ${record.data.tuning?.images ?? 0} clean images for the defender.`,
    ...(attack
      ? [
          `${poisoned} training images (rate ${percent(attack.rate)}) carry the ${attack.name} ` +
            `trigger for target class ${attack.target}.`,
        ]
      : []),
    ...(found?.backdoor
      ? [
          `It classifies ${percent(found.cleanAccuracy)} of clean test images correctly and gives ` +
            `${percent(found.backdoor.attackSuccess)} of triggered ones the target class.`,
        ]
      : []),
  ];
}
