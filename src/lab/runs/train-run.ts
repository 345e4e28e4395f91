import type { StateDict } from "../../io/state-dict.js";
import { placementOf } from "../../nn/place.js";
import { settled } from "../../schema/index.js";
import { checkPrecision } from "../../training/precision.js";
import { Examiner } from "../examination/examine.js";
import { encodeAttack, encodeCheckpoint } from "../records/checkpoint.js";
import { type TrainConfiguration, trainSettings } from "../records/configuration.js";
import type { TrainMetrics, TrainRecord } from "../records/record.js";
import { modelInWords, seedsInWords } from "../records/words.js";
import { percent, renderReport } from "../report/report.js";
import { prepareAttack } from "../victims/attack.js";
import { identify } from "../victims/data-source.js";
import { checkVictim, splitFor, trainVictim, victimData } from "../victims/victim.js";
import type { RunHooks } from "./attempt.js";
import { judge } from "./judgement.js";
import { type Job, type Plan, type RunRequest, recordedRun } from "./recorded-run.js";
import { examinerOf, openSourceRun } from "./source-run.js";

/**
 * Trains a victim and leaves its checkpoint, curves, record and report in a directory. A directory
 * with an interrupted run of this configuration is continued at its last finished epoch, with the
 * same result as without the interruption. Node only.
 */
export async function trainRun(
  request: RunRequest<TrainConfiguration>,
  hooks: RunHooks = {},
): Promise<TrainRecord> {
  const { device, data, command = [], keep } = request;
  const configuration = await settled(trainSettings, request.configuration, "train");
  const { curve, training } = configuration;
  checkPrecision(device, training.precision);
  const { tuning } = await checkVictim(data.train, configuration);
  const examinerWith = (state: StateDict | null): Promise<Examiner> =>
    Examiner.create(data.test, configuration.attack, state ? { state, device } : undefined);
  const sampleOf = (whole: Examiner): Examiner | null =>
    curve.clean > 0 ? whole.sample(curve.clean, curve.triggered) : null;
  let examiner: Examiner | undefined;
  const plan: Plan<TrainRecord> = {
    kind: "train",
    ...{ configuration, command, device, keep, directory: request.directory, lineage: null },
    data: { ...data.identities, tuning: await identify(tuning) },
  };
  const job: Job<TrainRecord> = {
    async execute(attempt) {
      const state = await attempt.prepared(() => prepare(request, configuration, hooks));
      const victims = await victimData(data.train, configuration, { device, state });
      hooks.onStage?.("training");
      const sample = sampleOf(await examinerWith(state));
      const trained = victims.attack?.inLoop !== undefined && state !== null;
      const loop = attempt.loop(
        trained ? async (now) => sampleOf(await examinerWith(now)) : sample,
        training.epochs,
      );
      const victim = await trainVictim(device, victims, configuration, loop);
      try {
        hooks.onStage?.("examining");
        const { loss, poisonedImages, attackState } = victim;
        examiner = await examinerWith(attackState);
        const examination = await examiner.examine(victim.model, attempt.examination);
        const checkpoint = await encodeCheckpoint(victim.model, configuration.model);
        return {
          metrics: { loss, poisonedImages, examination },
          results: { checkpoint, ...(attackState && { attack: encodeAttack(attackState) }) },
        };
      } finally {
        placementOf(victim.model).release();
      }
    },
    async report({ record, metrics, lines }) {
      examiner ??= await examinerOf(await openSourceRun(request.directory), data.test, device);
      return renderReport({
        title: title(configuration),
        lead: lead(configuration, metrics, data.train.labels.length, record),
        verdicts: judge(record, { classes: data.test.classes.length }),
        rows: [{ name: "Victim", examination: metrics.examination }],
        curves: [{ title: "Training", lines, sample: curve }],
        pictures: examiner.pictures(),
        record,
      });
    },
  };
  return recordedRun(plan, job, hooks);
}

/** Makes the attack ready, if it is one that is. */
async function prepare(
  { data, device }: RunRequest<TrainConfiguration>,
  configuration: TrainConfiguration,
  { onStage, onStep, signal }: RunHooks,
): Promise<StateDict | null> {
  const { attack, seeds } = configuration;
  if (!attack) return null;
  onStage?.(`preparing ${attack.name}`);
  const { train } = splitFor(configuration, data.train);
  return prepareAttack(attack, train, seeds.poison, device, {
    onStep: (_, progress) => onStep?.(progress),
    ...(signal && { signal }),
  });
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
  const { attack, model, training, seeds } = configuration;
  return [
    `${modelInWords(model)}, trained for ${training.epochs} epochs with ` +
      `${seedsInWords(seeds)} on ${images} images of ${record.data.train?.name ?? "the training set"}, ` +
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
