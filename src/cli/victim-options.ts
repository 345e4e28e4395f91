import { type Command, Option } from "commander";
import { attackNames } from "../lab/attack.js";
import {
  architectures,
  type DataSource,
  type TrainConfiguration,
  trainingDefaults,
} from "../lab/configuration.js";
import { type Precision, precisions } from "../training/precision.js";
import { assignment, curve, dataSource, integer, number, share } from "./values.js";

/** What `train` takes, as commander gives it. */
export interface VictimOptions {
  data: DataSource;
  attack: string;
  rate: number;
  target: number;
  attackOption: Record<string, number | string | boolean>;
  architecture: TrainConfiguration["model"]["architecture"];
  width: number;
  epochs: number;
  batchSize: number;
  lr: number;
  momentum: number;
  weightDecay: number;
  pad: number;
  flip: boolean;
  precision: Precision;
  tuningFraction: number;
  split: TrainConfiguration["split"]["scheme"];
  curve: TrainConfiguration["curve"];
  seed: number;
}

const named = (flags: string, text: string, choices: readonly string[], preset: string): Option =>
  new Option(flags, text).choices(choices).default(preset);

/** The options that decide a victim. */
export function withVictimOptions(command: Command): Command {
  const { augmentation, ...recipe } = trainingDefaults;
  return command
    .addOption(dataOption().default(dataSource("synthetic"), "synthetic"))
    .addOption(
      named("--attack <name>", "the backdoor to plant", [...attackNames, "none"], "blended"),
    )
    .option("--rate <share>", "share of the training images that is poisoned", share, 0.01)
    .option("--target <class>", "the class that triggered images are to get", integer(0), 0)
    .option(
      "--attack-option <name=value>",
      "a setting of the attack, such as alpha=0.1",
      assignment,
      {},
    )
    .addOption(named("--architecture <name>", "the network", architectures, "resnet18"))
    .option("--width <n>", "channels of its first stage (64: the usual ResNet)", integer(1), 16)
    .option("--epochs <n>", "passes over the training images", integer(1), recipe.epochs)
    .option("--batch-size <n>", "images a step", integer(1), recipe.batchSize)
    .option("--lr <rate>", "highest rate of the one-cycle schedule", number(0), recipe.lr)
    .option("--momentum <m>", "momentum of SGD", number(0, 1), recipe.momentum)
    .option("--weight-decay <d>", "L2 penalty", number(0), recipe.weightDecay)
    .option(
      "--pad <pixels>",
      "random crops from images padded so far",
      integer(0),
      augmentation.pad,
    )
    .option("--no-flip", "leave random horizontal flips out")
    .option("--tuning-fraction <share>", "share of the images that the defender gets", share, 0.02)
    .addOption(
      named(
        "--split <scheme>",
        "held-out-balanced keeps the defender's images from the victim",
        ["held-out-balanced", "overlapping-random"],
        "held-out-balanced",
      ),
    )
    .addOption(curveOption())
    .addOption(precisionOption())
    .option("--seed <n>", "decides split, poison, initial weights and batches", integer(0), 0);
}

export const dataOption = (): Option =>
  new Option(
    "--data <source>",
    "cifar10:DIR (the unpacked binary version) or synthetic[:TRAIN[,TEST]]",
  ).argParser(dataSource);

export const precisionOption = (): Option =>
  named(
    "--precision <p>",
    "mixed: activations as 16-bit floats, where the GPU has them",
    precisions,
    trainingDefaults.precision,
  );

export const curveOption = (): Option =>
  new Option("--curve <clean,triggered>", "test images examined after each epoch; 0 for none")
    .argParser(curve)
    .default({ clean: 1000, triggered: 500 }, "1000,500");

/** The configuration that the options say. */
export function trainConfiguration(options: VictimOptions): TrainConfiguration {
  const { seed, data, architecture, width, attack, rate, target, epochs, batchSize, lr } = options;
  const { momentum, weightDecay, pad, flip, split, tuningFraction, attackOption } = options;
  const recipe = { epochs, batchSize, lr, momentum, weightDecay, precision: options.precision };
  return {
    ...{ seed, data, model: { architecture, width } },
    attack: attack === "none" ? null : { name: attack, rate, target, options: attackOption },
    split: { scheme: split, fraction: tuningFraction },
    training: { ...recipe, augmentation: { pad, flip } },
    curve: options.curve,
  };
}
