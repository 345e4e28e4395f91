import type { Device } from "../device/device.js";
import type { EpochProgress, StepProgress } from "../training/fit.js";
import type { OpenedData } from "./data-source.js";
import { lockDirectory } from "./lock.js";
import type { Examination } from "./metrics.js";
import type { EpochLine, MetricLine, StepLine } from "./metrics-log.js";
import { type DataIdentity, type RunRecord, recordVersion } from "./record.js";
import { claimDirectory, RunDirectory } from "./run-directory.js";
import { Sitting, type SittingHooks } from "./sitting.js";
import { softwareVersions } from "./software.js";

/** What a run needs beside its configuration. */
export interface RunRequest<Configuration> {
  /** Where the run's files go: new, empty, or an unfinished run with this configuration. */
  readonly directory: string;
  readonly configuration: Configuration;
  readonly device: Device;
  readonly data: OpenedData;
  /** The command line's arguments, for the record. */
  readonly command?: readonly string[];
}

/** What a run tells while it goes on. */
export interface RunHooks extends SittingHooks {
  /** A new part of the work begins. */
  onStage?: (stage: string) => void;
  /** Kernels compiled, of those that a step needs and that were missing. */
  onCompile?: (done: number, all: number) => void;
  onStep?: (progress: StepProgress) => void;
  onEpoch?: (line: EpochLine, epochs: number) => void;
  /** Images examined so far. */
  onExamined?: (done: number, all: number) => void;
  signal?: AbortSignal;
}

/** What is known of a run before it begins. */
export type Plan<R extends RunRecord> = Pick<
  R,
  "kind" | "configuration" | "command" | "lineage"
> & {
  readonly directory: string;
  readonly device: Device;
  readonly data: Readonly<Record<string, DataIdentity>>;
};

export interface Outcome<R extends RunRecord> {
  readonly metrics: NonNullable<R["metrics"]>;
  /** The report's HTML for the finished record. */
  report(record: R): Promise<string>;
}

/**
 * Claims a directory and keeps its record true while `work` goes on: running, then finished with
 * metrics and a report, or interrupted. Node only.
 */
export async function recordedRun<R extends RunRecord>(
  plan: Plan<R>,
  work: (sitting: Sitting) => Promise<Outcome<R>>,
): Promise<R> {
  const unlock = await lockDirectory(plan.directory);
  try {
    return await lockedRun(plan, work);
  } finally {
    await unlock();
  }
}

async function lockedRun<R extends RunRecord>(
  plan: Plan<R>,
  work: (sitting: Sitting) => Promise<Outcome<R>>,
): Promise<R> {
  const { directory: path, device, ...described } = plan;
  const previous = await claimDirectory(path, plan);
  const began = performance.now();
  const started = previous?.started ?? new Date().toISOString();
  const directory = new RunDirectory(path);
  using sitting = new Sitting(directory, device);
  const record = (state: RunRecord["state"], metrics: R["metrics"]): R => {
    const seconds = (previous?.seconds ?? 0) + (performance.now() - began) / 1000;
    const { command, ...others } = described;
    return {
      ...{ format: "shiftgrad-run", version: recordVersion },
      ...others,
      command: previous?.command ?? command,
      ...{ state, device: device.info, variants: sitting.variants },
      software: softwareVersions(device),
      ...{ started, seconds: Number(seconds.toFixed(3)), metrics },
    } as RunRecord as R;
  };
  await directory.writeRecord(record("running", null));
  try {
    const { metrics, report } = await work(sitting);
    const finished = record("finished", metrics);
    await directory.write("report", await report(finished));
    await directory.writeRecord(finished);
    return finished;
  } catch (error) {
    await directory.writeRecord(record("interrupted", null));
    throw error;
  }
}

/** About this many samples of steps are kept of a run. */
const samples = 400;

/** Gathers metric lines and writes them at the end of each epoch. */
export class MetricsWriter {
  readonly #directory: RunDirectory;
  #pending: MetricLine[] = [];

  constructor(directory: RunDirectory) {
    this.#directory = directory;
  }

  step(progress: StepProgress): void {
    const { epoch, step, steps, images, seconds, loss, lr } = progress;
    const every = Math.max(1, Math.floor(steps / samples));
    if ((step - 1) % every !== 0 && step !== steps) return;
    const imagesPerSecond = Number((images / seconds).toFixed(1));
    const line: StepLine = { type: "step", epoch, step, loss, lr, imagesPerSecond };
    this.#pending.push(line);
  }

  async epoch(progress: EpochProgress, found: Examination | null): Promise<EpochLine> {
    const { epoch, loss, lr } = progress;
    const line: EpochLine = {
      ...{ type: "epoch", epoch, loss, lr },
      ...(found && { cleanAccuracy: found.cleanAccuracy }),
      ...(found?.backdoor && { attackSuccess: found.backdoor.attackSuccess }),
    };
    await this.#directory.metrics.append(...this.#pending.splice(0), line);
    return line;
  }
}
