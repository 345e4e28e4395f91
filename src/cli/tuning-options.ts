import { type Command, Option } from "commander";
import { type TuningOptions, tuningDefaults } from "../defenses/index.js";
import { integer, number } from "./values.js";
import { precisionOption } from "./victim-options.js";

/** What `purify` takes for its loop, as commander gives it. */
export interface TuningFlags extends Omit<TuningOptions, "augmentation"> {
  pad: number;
  flip: boolean;
}

/** An option for every choice of the tuning loop. */
export function withTuningOptions(
  command: Command,
  preset: TuningOptions = tuningDefaults,
): Command {
  const choice = (flags: string, text: string, values: string[], value: string): Option =>
    new Option(flags, text).choices(values).default(value);
  return command
    .option("--epochs <n>", "passes over the tuning images", integer(1), preset.epochs)
    .option(
      "--lr <rate>",
      "first rate of the cosine schedule",
      number(0, undefined, true),
      preset.lr,
    )
    .option("--momentum <m>", "momentum of SGD", number(0, 1), preset.momentum)
    .option("--weight-decay <d>", "L2 penalty", number(0), preset.weightDecay)
    .option("--batch-size <n>", "images a step", integer(1), preset.batchSize)
    .option("--drop-last", "leave out the last batch of an epoch if it is smaller")
    .option(
      "--alpha <a>",
      "fst: weight of <W, W_ori>; 0.2 on CIFAR-10, 0.1 on GTSRB, 0.001 with 100 and more classes",
      number(Number.NEGATIVE_INFINITY),
      preset.alpha,
    )
    .addOption(
      choice(
        "--projection <where>",
        "hold the head's norm in fst only, or in all methods as the authors' code does",
        ["fst", "all"],
        preset.projection,
      ),
    )
    .option("--project-at-start", "rescale a re-drawn head before the first step too")
    .option("--no-redraw-bias", "keep the head's bias where its weight is re-drawn")
    .addOption(
      choice(
        "--batch-norm <mode>",
        "train: batch statistics, running ones drift; frozen: as they are",
        ["train", "frozen"],
        preset.batchNorm,
      ),
    )
    .option("--label-smoothing <s>", "label smoothing", number(0, 1), preset.labelSmoothing)
    .option(
      "--pad <pixels>",
      "random crops from images padded so far",
      integer(0),
      preset.augmentation.pad,
    )
    .option("--no-flip", "leave random horizontal flips out")
    .addOption(precisionOption())
    .option("--seed <n>", "decides the re-drawn head and the batches", integer(0), preset.seed);
}

/** The loop's options that the flags say. */
export const tuningOptions = (flags: TuningFlags): TuningOptions => ({
  epochs: flags.epochs,
  lr: flags.lr,
  momentum: flags.momentum,
  weightDecay: flags.weightDecay,
  batchSize: flags.batchSize,
  dropLast: flags.dropLast ?? false,
  seed: flags.seed,
  alpha: flags.alpha,
  projection: flags.projection,
  projectAtStart: flags.projectAtStart ?? false,
  redrawBias: flags.redrawBias,
  batchNorm: flags.batchNorm,
  labelSmoothing: flags.labelSmoothing,
  augmentation: { pad: flags.pad, flip: flags.flip },
  precision: flags.precision,
});
