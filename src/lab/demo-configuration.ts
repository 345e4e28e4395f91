import { type TuningOptions, tuningDefaults } from "../defenses/index.js";
import { type DataSource, type DemoConfiguration, trainingDefaults } from "./configuration.js";

export const demoDefaults = { width: 16, epochs: 10 } as const;

export interface DemoChoices {
  readonly methods: readonly string[];
  readonly seed: number;
  readonly width?: number;
  readonly epochs?: number;
  readonly data?: DataSource;
}

const synthetic: DataSource = { kind: "synthetic", train: 6000, test: 2000, seed: 0 };

/** The demo's sizes: chosen so that two CPU cores take a few minutes and the effect is plain. */
export function demoConfiguration(choices: DemoChoices): DemoConfiguration {
  const { seed, methods, data, width, epochs } = { ...demoDefaults, data: synthetic, ...choices };
  const tuning: TuningOptions = { ...tuningDefaults, seed };
  return {
    victim: {
      ...{ seed, data, model: { architecture: "resnet18", width } },
      attack: { name: "blended", rate: 0.01, target: 0, options: {} },
      split: { scheme: "held-out-balanced", fraction: 0.1 },
      training: { ...trainingDefaults, epochs },
      curve: { clean: 1000, triggered: 500 },
    },
    ...{ methods, tuning },
  };
}
