import { fileHash } from "../../files/atomic.js";
import {
  checked,
  FormatError,
  flag,
  integer,
  listOf,
  mapOf,
  nothing,
  nullable,
  number,
  object,
  oneOf,
  optional,
  parse,
  parseJson,
  type Schema,
  text,
  type ValueOf,
} from "../../schema/index.js";
import { demoSettings, evaluateSettings, purifyChoice, trainSettings } from "./configuration.js";
import { examinationSchema, shareField } from "./metrics.js";
import { variantsSchema } from "./variants.js";

/** Version 1 named no hashes of files and had none of its own; it is read, and not written. */
export const recordVersion = 2;
export const recordVersions = [1, recordVersion] as const;
const isVersion = (value: unknown): boolean => recordVersions.some((known) => known === value);
export const runKinds = ["train", "purify", "evaluate", "demo"] as const;
export type RunKind = (typeof runKinds)[number];
export const runStates = ["running", "interrupted", "finished"] as const;

const hash = checked<string>(
  "64 hexadecimal digits",
  (value) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value),
);

/** SHA-256 of files of a run directory, by name. */
const hashes = mapOf(hash);
export type FileHashes = ValueOf<typeof hashes>;

/** What a set of images was, by content. */
const identity = object({
  name: text({}),
  images: integer({ min: 1 }),
  /** `contentHash` of the set: pixels, labels, shape and classes. */
  sha256: hash,
});
export type DataIdentity = ValueOf<typeof identity>;

/** The run that a run starts from. */
const lineage = object({
  directory: text({}),
  /** SHA-256 of its record.json and its checkpoint.safetensors. */
  record: hash,
  checkpoint: hash,
});
export type Lineage = ValueOf<typeof lineage>;

const trainMetrics = object({
  /** Mean cross-entropy of the last epoch. */
  loss: number({}),
  poisonedImages: integer({ min: 0 }),
  examination: examinationSchema,
});
export type TrainMetrics = ValueOf<typeof trainMetrics>;

const purifyMetrics = object({
  /** Mean cross-entropy of the last epoch; null for a defense without epochs. */
  loss: nullable(number({})),
  before: examinationSchema,
  after: examinationSchema,
  defenseEffectiveness: nullable(shareField),
});
export type PurifyMetrics = ValueOf<typeof purifyMetrics>;

const evaluateMetrics = object({ examination: examinationSchema });
export type EvaluateMetrics = ValueOf<typeof evaluateMetrics>;

const demoMetrics = object({ victim: examinationSchema, methods: mapOf(purifyMetrics) });
export type DemoMetrics = ValueOf<typeof demoMetrics>;

/** What the records of all kinds of runs hold. */
const common = {
  format: oneOf(["shiftgrad-run"], {}),
  version: checked<(typeof recordVersions)[number]>("a version", isVersion),
  state: oneOf(runStates, {}),
  /** The command line's arguments; empty for a run started by code. */
  command: listOf(text({})),
  /** The sets by their part: train and test as read, tuning as the defender got it. */
  data: mapOf(identity),
  device: object({
    kind: oneOf(["cpu", "webgpu"], {}),
    name: text({}),
    software: flag({}),
    threads: integer({ min: 1 }),
    features: listOf(text({})),
  }),
  /**
   * The kernel variants that ran where they are not the device's presets, by shape class: they add in
   * other orders, and a run repeats to the last bit on the same ones.
   */
  variants: variantsSchema,
  /** Versions by name: shiftgrad, node, webgpu, platform. */
  software: mapOf(text({})),
  /** ISO 8601, UTC. */
  started: text({}),
  /** Time spent on the run, interruptions left out. */
  seconds: number({}),
  lineage: nullable(lineage),
  /** What a running run is replacing files by: each is as `files` has it, or as this has it. */
  next: optional(hashes),
};
const commonSchema = object(common);

/** Each kind's configuration and, once it is finished, its metrics. */
const kinds = {
  train: { configuration: trainSettings, metrics: trainMetrics },
  purify: { configuration: purifyChoice, metrics: purifyMetrics },
  evaluate: { configuration: evaluateSettings, metrics: evaluateMetrics },
  demo: { configuration: demoSettings, metrics: demoMetrics },
} satisfies Record<RunKind, Record<"configuration" | "metrics", Schema<unknown>>>;

type RecordOf<K extends RunKind> = ValueOf<typeof commonSchema> & {
  readonly kind: K;
  readonly configuration: ValueOf<(typeof kinds)[K]["configuration"]>;
  /** Null until the run is finished. */
  readonly metrics: ValueOf<(typeof kinds)[K]["metrics"]> | null;
  /** The files that belong to the run; null in a record of version 1. */
  readonly files: FileHashes | null;
};

export type TrainRecord = RecordOf<"train">;
export type PurifyRecord = RecordOf<"purify">;
export type EvaluateRecord = RecordOf<"evaluate">;
export type DemoRecord = RecordOf<"demo">;

/** What a run was, what it ran on and what came out: enough to repeat it. */
export type RunRecord = TrainRecord | PurifyRecord | EvaluateRecord | DemoRecord;

const firstSchema = object({ format: common.format, version: integer({ min: 1 }) });
const kindSchema = object({ kind: oneOf(runKinds, {}), state: common.state });

/**
 * Reads a run record and checks every field.
 *
 * @param where the file's name, for error messages
 * @throws FormatError that names the field, what it is and what it should be
 */
export function parseRecord(json: string, where: string): RunRecord {
  const value = parseJson(json, where);
  const { version } = parse(firstSchema, value, where, "record");
  if (!isVersion(version)) {
    throw new FormatError(
      `${where} has version ${version}, this shiftgrad reads versions ` +
        `${recordVersions.join(" and ")}; use the shiftgrad that wrote it (see its software field)`,
    );
  }
  if (version === recordVersion) checkSeal(value as object, where);
  const { kind, state } = parse(kindSchema, value, where, "record");
  const { configuration, metrics } = kinds[kind];
  const schema = object({
    ...common,
    kind: oneOf([kind], {}),
    configuration,
    metrics: state === "finished" ? metrics : nothing,
    files: version === recordVersion ? hashes : nothing,
  });
  return parse(schema, value, where, "record") as RunRecord;
}

function checkSeal(value: object, where: string): void {
  const { sha256 } = parse(object({ sha256: hash }), value, where, "record");
  const others = Object.entries(value).filter(([name]) => name !== "sha256");
  if (recordHash(Object.fromEntries(others)) === sha256) return;
  throw new FormatError(
    `${where} was damaged or changed since it was written: it does not have the SHA-256 that it ` +
      "names; put back a copy of it",
  );
}

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
