import type { VariantMap } from "../device/choices.js";
import type { DeviceInfo } from "../device/device.js";
import { fileHash } from "../files/atomic.js";
import type {
  DemoConfiguration,
  EvaluateConfiguration,
  PurifyConfiguration,
  TrainConfiguration,
} from "./configuration.js";
import type { Examination } from "./metrics.js";

/** Version 1 named no hashes of files and had none of its own; it is read, and not written. */
export const recordVersion = 2;
export const recordVersions = [1, recordVersion] as const;
export const runKinds = ["train", "purify", "evaluate", "demo"] as const;
export type RunKind = (typeof runKinds)[number];
export const runStates = ["running", "interrupted", "finished"] as const;

/** What a set of images was, by content. */
export interface DataIdentity {
  readonly name: string;
  readonly images: number;
  /** `contentHash` of the set: pixels, labels, shape and classes. */
  readonly sha256: string;
}

/** The run that a run starts from. */
export interface Lineage {
  readonly directory: string;
  /** SHA-256 of its record.json and its checkpoint.safetensors. */
  readonly record: string;
  readonly checkpoint: string;
}

/** SHA-256 of files of a run directory, by name. */
export type FileHashes = Readonly<Record<string, string>>;

export interface TrainMetrics {
  /** Mean cross-entropy of the last epoch. */
  readonly loss: number;
  readonly poisonedImages: number;
  readonly examination: Examination;
}

export interface PurifyMetrics {
  readonly loss: number;
  readonly before: Examination;
  readonly after: Examination;
  readonly defenseEffectiveness: number | null;
}

export interface EvaluateMetrics {
  readonly examination: Examination;
}

export interface DemoMetrics {
  readonly victim: Examination;
  readonly methods: Readonly<Record<string, PurifyMetrics>>;
}

interface RecordOf<Kind extends RunKind, Configuration, Metrics> {
  readonly format: "shiftgrad-run";
  readonly version: (typeof recordVersions)[number];
  readonly kind: Kind;
  readonly state: (typeof runStates)[number];
  /** The command line's arguments; empty for a run started by code. */
  readonly command: readonly string[];
  readonly configuration: Configuration;
  /** The sets by their part: train and test as read, tuning as the defender got it. */
  readonly data: Readonly<Record<string, DataIdentity>>;
  readonly device: DeviceInfo;
  /**
   * The kernel variants that ran where they are not the device's presets, by shape class: they add in
   * other orders, and a run repeats to the last bit on the same ones.
   */
  readonly variants: VariantMap;
  /** Versions by name: shiftgrad, node, webgpu, platform. */
  readonly software: Readonly<Record<string, string>>;
  /** ISO 8601, UTC. */
  readonly started: string;
  /** Time spent on the run, interruptions left out. */
  readonly seconds: number;
  /** Null until the run is finished. */
  readonly metrics: Metrics | null;
  readonly lineage: Lineage | null;
  /** The files that belong to the run; null in a record of version 1. */
  readonly files: FileHashes | null;
  /** What a running run is replacing files by: each is as `files` has it, or as this has it. */
  readonly next?: FileHashes;
}

export type TrainRecord = RecordOf<"train", TrainConfiguration, TrainMetrics>;
export type PurifyRecord = RecordOf<"purify", PurifyConfiguration, PurifyMetrics>;
export type EvaluateRecord = RecordOf<"evaluate", EvaluateConfiguration, EvaluateMetrics>;
export type DemoRecord = RecordOf<"demo", DemoConfiguration, DemoMetrics>;

/** What a run was, what it ran on and what came out: enough to repeat it. */
export type RunRecord = TrainRecord | PurifyRecord | EvaluateRecord | DemoRecord;

/**
 * A record as it is written: two-space JSON with a last line end. Its last field is `recordHash` of
 * the others.
 */
export function formatRecord(record: RunRecord): string {
  const sealed = { ...record, sha256: recordHash(record) };
  return `${JSON.stringify(sealed, null, 2)}\n`;
}

/** SHA-256 of a record without its last field, as JSON without spaces. */
export const recordHash = (fields: object): string => fileHash(JSON.stringify(fields));
