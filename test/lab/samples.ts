import { tuningDefaults } from "../../src/defenses/index.js";
import {
  sameSeeds,
  type TrainConfiguration,
  trainingDefaults,
} from "../../src/lab/records/configuration.js";
import type { Examination } from "../../src/lab/records/metrics.js";
import type { PurifyRecord, TrainRecord } from "../../src/lab/records/record.js";

const hash = (digit: string): string => digit.repeat(64);

export const configuration: TrainConfiguration = {
  seeds: sameSeeds(7),
  data: { kind: "synthetic", train: 90, test: 50, seed: 3 },
  model: { architecture: "resnet18", width: 2 },
  attack: {
    name: "blended",
    rate: 0.05,
    target: 1,
    mapping: "all-to-one",
    options: { alpha: 0.3, picture: "smooth", seed: 0 },
  },
  split: { scheme: "held-out-balanced", fraction: 0.3 },
  training: { ...trainingDefaults, epochs: 3, batchSize: 17 },
  curve: { clean: 13, triggered: 11 },
};

export const before: Examination = {
  cleanAccuracy: 0.86,
  cleanImages: 50,
  backdoor: { attackSuccess: 0.97, robustAccuracy: 0.02, triggeredImages: 45 },
};

export const after: Examination = {
  cleanAccuracy: 0.79,
  cleanImages: 50,
  backdoor: { attackSuccess: 0.015, robustAccuracy: 0.71, triggeredImages: 45 },
};

const common = {
  format: "shiftgrad-run",
  version: 2,
  state: "finished",
  data: {
    train: { name: "shapes-train", images: 90, sha256: hash("a") },
    test: { name: "shapes-test", images: 50, sha256: hash("b") },
    tuning: { name: "shapes-train", images: 20, sha256: hash("c") },
  },
  device: {
    kind: "cpu",
    name: "A <processor> & co",
    software: false,
    threads: 2,
    features: ["simd128"],
  },
  variants: {},
  software: { shiftgrad: "0.1.0", node: "20.20.2" },
  started: "2026-01-02T03:04:05.678Z",
  seconds: 61.25,
  files: { "checkpoint.safetensors": hash("e"), "metrics.jsonl": hash("f") },
} as const;

export const trainRecord: TrainRecord = {
  ...common,
  kind: "train",
  command: ["train", "--data", "synthetic:90,50", "--out", "my runs/victim"],
  configuration,
  metrics: { loss: 0.31, poisonedImages: 4, examination: before },
  lineage: null,
};

export const purifyRecord: PurifyRecord = {
  ...common,
  kind: "purify",
  command: ["purify", "my runs/victim", "--method", "fst", "--out", "purified"],
  configuration: {
    method: "fst",
    tuning: tuningDefaults,
    curve: configuration.curve,
    victim: configuration,
  },
  metrics: { loss: 0.4, before, after, defenseEffectiveness: 0.9425 },
  lineage: { directory: "my runs/victim", record: hash("d"), checkpoint: hash("e") },
};
