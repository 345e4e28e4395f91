import { placementOf } from "../nn/place.js";
import { checkPrecision } from "../training/precision.js";
import { encodeCheckpoint } from "./checkpoint.js";
import type { TrainConfiguration } from "./configuration.js";
import { identify } from "./data-source.js";
import { Examiner } from "./examine.js";
import type { TrainMetrics, TrainRecord } from "./record.js";
import { type Job, type Plan, type RunRequest, recordedRun } from "./recorded-run.js";
import { percent, renderReport } from "./report.js";
import type { RunHooks } from "./sitting.js";
import { trainVictim, victimData } from "./victim.js";

/**
 * Trains a victim and leaves its checkpoint, curves, record and report in a directory. A directory
 * with an interrupted run of this configuration is continued at its last finished epoch, with the
 * same result as without the interruption. Node only.
 */
export async function trainRun(
  request: RunRequest<TrainConfiguration>,
  hooks: RunHooks = {},
): Promise<TrainRecord> {
  const { configuration, device, data, command = [], keep } = request;
  const { curve, training } = configuration;
  checkPrecision(device, training.precision);
  const victims = victimData(data.train, configuration);
  const examiner = Examiner.create(data.test, configuration.attack);
  const sample = curve.clean > 0 ? examiner.sample(curve.clean, curve.triggered) : null;
  const plan: Plan<TrainRecord> = {
    kind: "train",
    ...{ configuration, command, device, keep, directory: request.directory, lineage: null },
    data: { ...data.identities, tuning: await identify(victims.tuning) },
  };
  const job: Job<TrainRecord> = {
    async execute(sitting) {
      hooks.onStage?.("training");
      const loop = sitting.loop(training.epochs, sample);
      const victim = await trainVictim(device, victims, configuration, loop);
      try {
        hooks.onStage?.("examining");
        const examination = await examiner.examine(victim.model, sitting.examination);
        const { loss, poisonedImages } = victim;
        return {
          metrics: { loss, poisonedImages, examination },
          checkpoint: await encodeCheckpoint(victim.model, configuration.model),
        };
      } finally {
        placementOf(victim.model).release();
      }
    },
    report: ({ record, metrics, lines }) =>
      renderReport({
        title: title(configuration),
        lead: lead(configuration, metrics, data.train.labels.length, record),
        rows: [{ name: "Victim", examination: metrics.examination }],
        curves: [{ title: "Training", lines }],
        pictures: examiner.pictures(),
        record,
      }),
  };
  return recordedRun(plan, job, hooks);
}

const title = ({ attack, model }: TrainConfiguration): string =>
  attack
    ? `A ${model.architecture} with a ${attack.name} backdoor`
    : `A clean ${model.architecture}`;

function lead(
  configuration: TrainConfiguration,
  { poisonedImages, examination: found }: TrainMetrics,
  images: number,
  record: TrainRecord,
): string[] {
  const { attack, model, training, seed } = configuration;
  return [
    `${model.architecture} of width ${model.width}, trained for ${training.epochs} epochs with ` +
      `seed ${seed} on ${images} images of ${record.data.train?.name ?? "the training set"}, ` +
      `less ${record.data.tuning?.images ?? 0} clean images for the defender.`,
    ...(attack
      ? [
          `${poisonedImages} training images (rate ${percent(attack.rate)}) carry the ${attack.name} ` +
            `trigger for target class ${attack.target}.`,
        ]
      : []),
    ...(found.backdoor
      ? [
          `It classifies ${percent(found.cleanAccuracy)} of clean test images correctly and gives ` +
            `${percent(found.backdoor.attackSuccess)} of triggered ones the target class.`,
        ]
      : []),
  ];
}
