import type { TuningOptions } from "../defenses/tuning.js";
import type { Augmentation } from "../training/batch-input.js";
import { type Precision, precisions } from "../training/precision.js";
import {
  type AttackConfiguration,
  architectures,
  type CurveConfiguration,
  type DataSource,
  type DemoConfiguration,
  type EvaluateConfiguration,
  type PurifyConfiguration,
  type TrainConfiguration,
} from "./configuration.js";
import type { Fields } from "./fields.js";

/** Checks a training run's configuration. */
export function readConfiguration(fields: Fields): TrainConfiguration {
  const model = fields.object("model");
  const split = fields.object("split");
  const training = fields.object("training");
  return {
    seed: fields.integer("seed"),
    data: readSource(fields.object("data")),
    model: {
      architecture: model.oneOf("architecture", architectures),
      width: model.integer("width", 1),
    },
    attack: fields.has("attack") ? readAttack(fields.object("attack")) : null,
    split: {
      scheme: split.oneOf("scheme", ["held-out-balanced", "overlapping-random"]),
      fraction: split.share("fraction"),
    },
    training: {
      epochs: training.integer("epochs", 1),
      batchSize: training.integer("batchSize", 1),
      lr: training.number("lr"),
      momentum: training.number("momentum"),
      weightDecay: training.number("weightDecay"),
      augmentation: readAugmentation(training.object("augmentation")),
      precision: readPrecision(training),
    },
    curve: readCurve(fields.object("curve")),
  };
}

/** Checks a purification's configuration. */
export const readPurify = (fields: Fields): PurifyConfiguration => ({
  method: fields.string("method"),
  tuning: readTuning(fields.object("tuning")),
  curve: readCurve(fields.object("curve")),
  victim: readConfiguration(fields.object("victim")),
});

/** Checks an evaluation's configuration. */
export const readEvaluate = (fields: Fields): EvaluateConfiguration => ({
  victim: readConfiguration(fields.object("victim")),
});

/** Checks a demo's configuration. */
export const readDemo = (fields: Fields): DemoConfiguration => ({
  victim: readConfiguration(fields.object("victim")),
  methods: fields.strings("methods"),
  tuning: readTuning(fields.object("tuning")),
});

function readSource(fields: Fields): DataSource {
  const kind = fields.oneOf("kind", ["cifar10", "synthetic"]);
  if (kind === "cifar10") return { kind, directory: fields.string("directory") };
  const [train, test] = [fields.integer("train", 1), fields.integer("test", 1)];
  return { kind, train, test, seed: fields.integer("seed") };
}

const readAttack = (fields: Fields): AttackConfiguration => ({
  name: fields.string("name"),
  rate: fields.share("rate"),
  target: fields.integer("target"),
  options: fields.entries("options", (options, name) =>
    options.isText(name) ? options.string(name) : options.number(name),
  ),
});

const readCurve = (fields: Fields): CurveConfiguration => ({
  clean: fields.integer("clean"),
  triggered: fields.integer("triggered"),
});

const readAugmentation = (fields: Fields): Augmentation => ({
  pad: fields.integer("pad"),
  flip: fields.boolean("flip"),
});

const readTuning = (fields: Fields): TuningOptions => ({
  epochs: fields.integer("epochs", 1),
  lr: fields.number("lr"),
  momentum: fields.number("momentum"),
  weightDecay: fields.number("weightDecay"),
  batchSize: fields.integer("batchSize", 1),
  seed: fields.integer("seed"),
  alpha: fields.number("alpha"),
  projection: fields.oneOf("projection", ["fst", "all"]),
  projectAtStart: fields.boolean("projectAtStart"),
  redrawBias: fields.boolean("redrawBias"),
  batchNorm: fields.oneOf("batchNorm", ["train", "frozen"]),
  dropLast: fields.has("dropLast") && fields.boolean("dropLast"), // not in older records
  labelSmoothing: fields.number("labelSmoothing"),
  augmentation: readAugmentation(fields.object("augmentation")),
  precision: readPrecision(fields),
});

/** Records from before there was a choice have none. */
const readPrecision = (fields: Fields): Precision =>
  fields.has("precision") ? fields.oneOf("precision", precisions) : "f32";
