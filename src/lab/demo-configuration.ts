import { type TuningOptions, tuningDefaults } from "../defenses/index.js";
import type { Precision } from "../training/precision.js";
import { type DataSource, type DemoConfiguration, trainingDefaults } from "./configuration.js";

export const demoDefaults = { width: 8, epochs: 8 } as const;

export interface DemoChoices {
  readonly methods: readonly string[];
  readonly seed: number;
  readonly width?: number;
  readonly epochs?: number;
  readonly data?: DataSource;
  readonly precision?: Precision;
}

const synthetic: DataSource = { kind: "synthetic", train: 6000, test: 2000, seed: 0 };

/**
 * The demo's sizes: two CPU cores take a minute or two, and the effect is plain. The set is small, so
 * that 2% are 108 poisoned images; fewer, or the noise picture that CIFAR-10's 49,000 images teach at
 * 1%, are not learned in so few steps. The defender has 600 clean images.
 */
export function demoConfiguration(choices: DemoChoices): DemoConfiguration {
  const { seed, methods, data, width, epochs, precision } = {
    ...{ ...demoDefaults, data: synthetic, precision: tuningDefaults.precision },
    ...choices,
  };
  const tuning: TuningOptions = { ...tuningDefaults, seed, precision };
  return {
    victim: {
      ...{ seed, data, model: { architecture: "resnet18", width } },
      attack: {
        name: "blended",
        rate: 0.02,
        target: 0,
        options: { picture: "smooth", alpha: 0.3 },
      },
      split: { scheme: "held-out-balanced", fraction: 0.1 },
      training: { ...trainingDefaults, epochs, precision, augmentation: { pad: 2, flip: true } },
      curve: { clean: 1000, triggered: 500 },
    },
    ...{ methods, tuning },
  };
}
