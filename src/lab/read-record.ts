import type { DeviceInfo } from "../device/device.js";
import { Fields, FormatError } from "./fields.js";
import type { BackdoorExamination, Examination } from "./metrics.js";
import { readConfiguration, readDemo, readEvaluate, readPurify } from "./read-configuration.js";
import {
  type DataIdentity,
  type DemoMetrics,
  type FileHashes,
  type Lineage,
  type PurifyMetrics,
  type RunRecord,
  recordHash,
  recordVersion,
  recordVersions,
  runKinds,
  runStates,
  type TrainMetrics,
} from "./record.js";
import { readVariants } from "./variants.js";

/**
 * Reads a run record and checks every field.
 *
 * @param where the file's name, for error messages
 * @throws FormatError that names the field, what it is and what it should be
 */
export function parseRecord(text: string, where: string): RunRecord {
  const value = parseJson(text, where);
  const fields = new Fields(value, where);
  fields.oneOf("format", ["shiftgrad-run"]);
  const found = fields.integer("version", 1);
  const version = recordVersions.find((known) => known === found);
  if (version === undefined) {
    throw new FormatError(
      `${where} has version ${found}, this shiftgrad reads versions ` +
        `${recordVersions.join(" and ")}; use the shiftgrad that wrote it (see its software field)`,
    );
  }
  if (version === recordVersion) checkSeal(value as object, fields, where);
  const common = {
    format: "shiftgrad-run",
    version,
    state: fields.oneOf("state", runStates),
    command: fields.strings("command"),
    data: fields.entries("data", (data, part) => readIdentity(data.object(part))),
    device: readDevice(fields.object("device")),
    variants: readVariants(fields),
    software: fields.entries("software", (software, name) => software.string(name)),
    started: fields.string("started"),
    seconds: fields.number("seconds"),
    lineage: fields.has("lineage") ? readLineage(fields.object("lineage")) : null,
    files: version === recordVersion ? readHashes(fields, "files") : null,
    ...(fields.has("next") && { next: readHashes(fields, "next") }),
  } as const;
  const configuration = fields.object("configuration");
  const finished = common.state === "finished";
  const metrics = <T>(read: (fields: Fields) => T): T | null =>
    finished ? read(fields.object("metrics")) : null;
  const kind = fields.oneOf("kind", runKinds);
  switch (kind) {
    case "train":
      return {
        ...common,
        kind,
        configuration: readConfiguration(configuration),
        metrics: metrics(readTrainMetrics),
      };
    case "purify":
      return {
        ...common,
        kind,
        configuration: readPurify(configuration),
        metrics: metrics(readPurifyMetrics),
      };
    case "evaluate":
      return {
        ...common,
        kind,
        configuration: readEvaluate(configuration),
        metrics: metrics((m) => ({ examination: readExamination(m.object("examination")) })),
      };
    case "demo":
      return {
        ...common,
        kind,
        configuration: readDemo(configuration),
        metrics: metrics(readDemoMetrics),
      };
  }
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FormatError(`${where} is not JSON: ${(cause as Error).message}`, { cause });
  }
}

function checkSeal(value: object, fields: Fields, where: string): void {
  const named = fields.hash("sha256");
  const others = Object.entries(value).filter(([name]) => name !== "sha256");
  if (recordHash(Object.fromEntries(others)) === named) return;
  throw new FormatError(
    `${where} was damaged or changed since it was written: it does not have the SHA-256 that it ` +
      "names; put back a copy of it",
  );
}

const readHashes = (fields: Fields, name: string): FileHashes =>
  fields.entries(name, (hashes, file) => hashes.hash(file));

const readIdentity = (fields: Fields): DataIdentity => ({
  name: fields.string("name"),
  images: fields.integer("images", 1),
  sha256: fields.hash("sha256"),
});

const readLineage = (fields: Fields): Lineage => ({
  directory: fields.string("directory"),
  record: fields.hash("record"),
  checkpoint: fields.hash("checkpoint"),
});

const readDevice = (fields: Fields): DeviceInfo => ({
  kind: fields.oneOf("kind", ["cpu", "webgpu"]),
  name: fields.string("name"),
  software: fields.boolean("software"),
  threads: fields.integer("threads", 1),
  features: fields.strings("features"),
});

const readExamination = (fields: Fields): Examination => ({
  cleanAccuracy: fields.share("cleanAccuracy"),
  cleanImages: fields.integer("cleanImages", 1),
  backdoor: fields.has("backdoor") ? readBackdoor(fields.object("backdoor")) : null,
});

const readBackdoor = (fields: Fields): BackdoorExamination => ({
  attackSuccess: fields.share("attackSuccess"),
  robustAccuracy: fields.share("robustAccuracy"),
  triggeredImages: fields.integer("triggeredImages", 1),
});

const readTrainMetrics = (fields: Fields): TrainMetrics => ({
  loss: fields.number("loss"),
  poisonedImages: fields.integer("poisonedImages"),
  examination: readExamination(fields.object("examination")),
});

const readPurifyMetrics = (fields: Fields): PurifyMetrics => ({
  loss: fields.number("loss"),
  before: readExamination(fields.object("before")),
  after: readExamination(fields.object("after")),
  defenseEffectiveness: fields.has("defenseEffectiveness")
    ? fields.share("defenseEffectiveness")
    : null,
});

const readDemoMetrics = (fields: Fields): DemoMetrics => ({
  victim: readExamination(fields.object("victim")),
  methods: fields.entries("methods", (methods, name) => readPurifyMetrics(methods.object(name))),
});
