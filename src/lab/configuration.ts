import type { SplitScheme } from "../data/split.js";
import type { TuningOptions } from "../defenses/tuning.js";
import type { Augmentation } from "../training/batch-input.js";
import type { Precision } from "../training/precision.js";

/** Where images come from, so that a later run finds them again. */
export type DataSource =
  | { readonly kind: "cifar10"; readonly directory: string }
  | {
      readonly kind: "synthetic";
      readonly train: number;
      readonly test: number;
      readonly seed: number;
    };

export const architectures = ["resnet18", "resnet34"] as const;

export interface ModelConfiguration {
  readonly architecture: (typeof architectures)[number];
  /** Channels of the first stage. */
  readonly width: number;
}

/** Which backdoor is planted, and where. */
export interface AttackConfiguration {
  readonly name: string;
  /** Share of the training images that are poisoned. */
  readonly rate: number;
  /** The class that triggered images are to be given. */
  readonly target: number;
  /** The attack's own settings, such as Blended's `alpha`. */
  readonly options: Readonly<Record<string, number | string | boolean>>;
}

/** How a victim is trained: SGD under a one-cycle schedule. */
export interface TrainingRecipe {
  readonly epochs: number;
  readonly batchSize: number;
  /** The highest rate of the cycle. */
  readonly lr: number;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly augmentation: Augmentation;
  readonly precision: Precision;
}

export const trainingDefaults: TrainingRecipe = {
  epochs: 10,
  batchSize: 128,
  lr: 0.1,
  momentum: 0.9,
  weightDecay: 5e-4,
  augmentation: { pad: 4, flip: true },
  precision: "f32",
};

export interface SplitConfiguration {
  readonly scheme: SplitScheme;
  /** Share of the training images that the defender gets. */
  readonly fraction: number;
}

/** How many test images are looked at between epochs; 0 of both leaves the curves out. */
export interface CurveConfiguration {
  readonly clean: number;
  readonly triggered: number;
}

/** Everything that decides what a victim becomes. */
export interface TrainConfiguration {
  /** Decides the split, the poisoned images, the initial weights, the batches, the augmentation. */
  readonly seed: number;
  readonly data: DataSource;
  readonly model: ModelConfiguration;
  /** Null trains a clean model. */
  readonly attack: AttackConfiguration | null;
  readonly split: SplitConfiguration;
  readonly training: TrainingRecipe;
  readonly curve: CurveConfiguration;
}

/** Everything that decides what a purified model becomes, given the checkpoint it starts from. */
export interface PurifyConfiguration {
  readonly method: string;
  readonly tuning: TuningOptions;
  readonly curve: CurveConfiguration;
  /** How the model that is purified was trained; tells where its data are. */
  readonly victim: TrainConfiguration;
}

export interface EvaluateConfiguration {
  readonly victim: TrainConfiguration;
}

/** One victim, purified by several methods. */
export interface DemoConfiguration {
  readonly victim: TrainConfiguration;
  readonly methods: readonly string[];
  readonly tuning: TuningOptions;
}
