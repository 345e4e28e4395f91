import { cp, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { tuningDefaults } from "../../src/defenses/index.js";
import type { Device } from "../../src/device/device.js";
import { fileHash } from "../../src/files/atomic.js";
import type { TrainConfiguration } from "../../src/lab/configuration.js";
import type { OpenedData } from "../../src/lab/data-source.js";
import { demoRun } from "../../src/lab/demo-run.js";
import { evaluateRun } from "../../src/lab/evaluate-run.js";
import { purifyRun } from "../../src/lab/purify-run.js";
import { parseRecord } from "../../src/lab/read-record.js";
import type { RunRecord } from "../../src/lab/record.js";
import type { RunHooks } from "../../src/lab/sitting.js";
import { openSourceRun } from "../../src/lab/source-run.js";
import { trainRun } from "../../src/lab/train-run.js";
import { configuration } from "../lab/samples.js";

export const victim: TrainConfiguration = {
  ...configuration,
  training: { ...configuration.training, epochs: 2 },
};
const tuning = { ...tuningDefaults, epochs: 2, batchSize: 7 };

export interface Bench {
  /** Holds `source`, a finished train run. */
  readonly folder: string;
  readonly device: Device;
  readonly data: OpenedData;
}

/** A kind of run that faults are tried on. */
export interface RunCase {
  readonly name: string;
  /** Training steps of the whole run, and of its longest epoch. */
  readonly steps: number;
  readonly epoch: number;
  start(bench: Bench, directory: string, hooks?: RunHooks): Promise<RunRecord>;
}

const shared = ({ device, data }: Bench, directory: string) => ({ device, data, directory });

/** Every kind of run; one that is new goes in here. */
export const runCases: readonly RunCase[] = [
  {
    name: "train",
    ...{ steps: 8, epoch: 4 },
    start: (bench, directory, hooks) =>
      trainRun({ ...shared(bench, directory), configuration: victim, keep: true }, hooks),
  },
  {
    name: "purify",
    ...{ steps: 6, epoch: 3 },
    start: async (bench, directory, hooks) => {
      const source = await openSourceRun(join(bench.folder, "source"));
      const request = { source, method: "fst", tuning, curve: victim.curve, keep: true };
      return purifyRun({ ...shared(bench, directory), ...request }, hooks);
    },
  },
  {
    name: "evaluate",
    ...{ steps: 0, epoch: 0 },
    start: async (bench, directory, hooks) => {
      const source = await openSourceRun(join(bench.folder, "source"));
      return evaluateRun({ ...shared(bench, directory), source, keep: true }, hooks);
    },
  },
  {
    name: "demo",
    ...{ steps: 14, epoch: 4 },
    start: (bench, directory, hooks) => {
      const configuration = { victim, methods: ["fst"], tuning };
      return demoRun({ ...shared(bench, directory), configuration, keep: true }, hooks);
    },
  },
];

/** What must be equal of two runs of one kind: checkpoints to the bit, curves but for speed. */
export async function outcomeOf(directory: string): Promise<Record<string, string>> {
  const files = (await readdir(directory, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const found = files.sort().map(async (path) => {
    const text = await readFile(path, "latin1");
    return [path.slice(directory.length + 1), timeless(path, text)] as const;
  });
  return Object.fromEntries(await Promise.all(found));
}

function timeless(path: string, text: string): string {
  if (path.endsWith("report.html")) return `${text.length > 2000}`;
  if (path.endsWith(".safetensors")) return fileHash(Buffer.from(text, "latin1"));
  if (!path.endsWith("record.json")) return text.replaceAll(/"imagesPerSecond":[\d.]+/g, "");
  const { state, metrics, configuration } = parseRecord(text, path);
  return JSON.stringify({ state, metrics, configuration });
}

export const copyOf = (from: string, to: string): Promise<void> =>
  cp(from, to, { recursive: true });
