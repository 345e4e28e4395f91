import type { Device } from "../../device/device.js";
import { removeTemporaries } from "../../files/atomic.js";
import type { MetricLine } from "../records/metrics-log.js";
import { type DataIdentity, type RunRecord, recordVersion } from "../records/record.js";
import type { OpenedData } from "../victims/data-source.js";
import { Attempt, type RunHooks } from "./attempt.js";
import { complete, type Described, Ledger, type Results } from "./ledger.js";
import { lockDirectory } from "./lock.js";
import { claimDirectory, RunDirectory, runFiles } from "./run-directory.js";
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
  /** Takes a run that is finished as it is, and returns its record, instead of refusing it. */
  readonly keep?: boolean;
}

/** What is known of a run before it begins. */
export type Plan<R extends RunRecord> = Pick<
  R,
  "kind" | "configuration" | "command" | "lineage"
> & {
  /** None for a run that leaves no files. */
  readonly directory: string | undefined;
  readonly device: Device;
  readonly data: Readonly<Record<string, DataIdentity>>;
  readonly keep?: boolean | undefined;
};

export interface Outcome<R extends RunRecord> {
  readonly metrics: NonNullable<R["metrics"]>;
  /** Files that the run leaves. */
  readonly results?: Results;
}

/** What a kind of run does; all that can be refused was checked before. */
export interface Job<R extends RunRecord> {
  execute(attempt: Attempt): Promise<Outcome<R>>;
  /** The report's HTML; what it needs of the run stands in the record and the curves. */
  report(finished: Finished<R>): string | Promise<string>;
}

export interface Finished<R extends RunRecord> {
  readonly record: R;
  readonly metrics: NonNullable<R["metrics"]>;
  readonly lines: readonly MetricLine[];
}

/**
 * Executes a job and keeps its directory's record true meanwhile: running, then finished with
 * metrics and a report, or interrupted. A directory with the same run, unfinished, is continued.
 * Node only.
 */
export async function recordedRun<R extends RunRecord>(
  plan: Plan<R>,
  job: Job<R>,
  hooks: RunHooks = {},
): Promise<R> {
  const { directory: path } = plan;
  if (path === undefined) {
    using attempt = new Attempt(plan.device, hooks);
    const describe = describer(plan, attempt, null);
    const { metrics } = await job.execute(attempt);
    return { ...describe("finished", metrics), files: {} } as unknown as R;
  }
  const lock = await lockDirectory(path);
  try {
    await removeTemporaries(path, Object.values(runFiles));
    const directory = new RunDirectory(path);
    const previous = (await claimDirectory(path, plan, plan.keep)) as R | null;
    if (previous && !previous.files) {
      hooks.onNote?.(
        `${path}: its record is of version 1 and names no hashes to verify its files by`,
      );
    }
    if (previous?.state !== "finished") {
      using attempt = new Attempt(plan.device, hooks);
      const ledger = new Ledger<R>(directory, lock, describer(plan, attempt, previous));
      const record = await work(job, attempt, ledger, previous);
      await report(job, directory, record, hooks);
      return record;
    }
    for (const name of ["checkpoint", "metrics"] as const) await directory.verified(name, previous);
    if (!(await directory.isComplete(previous))) await report(job, directory, previous, hooks);
    return previous;
  } finally {
    await lock.release();
  }
}

/** From the first record to the finished one. */
async function work<R extends RunRecord>(
  job: Job<R>,
  attempt: Attempt,
  ledger: Ledger<R>,
  previous: R | null,
): Promise<R> {
  const { hooks } = attempt;
  let begun = false;
  try {
    const left = await ledger.begin(previous, (file) =>
      hooks.onNote?.(`${file} is gone; the run goes on without what was in it`),
    );
    begun = true;
    attempt.keepIn(ledger, left);
    const { metrics, results = {} } = await job.execute(attempt);
    return await ledger.finish(metrics, results);
  } catch (error) {
    const { epochs } = attempt;
    hooks.onLeft?.({ directory: ledger.directory.path, epochs, finished: false });
    if (!begun) throw error;
    await ledger.write("interrupted").catch((second: unknown) => {
      // The record says "running", from which a run goes on just as well.
      hooks.onNote?.(second instanceof Error ? second.message : String(second));
    });
    throw error;
  }
}

async function report<R extends RunRecord>(
  job: Job<R>,
  directory: RunDirectory,
  record: R,
  hooks: RunHooks,
): Promise<void> {
  const { metrics } = record as { metrics: NonNullable<R["metrics"]> };
  try {
    await complete(directory, async () =>
      job.report({ record, metrics, lines: await directory.metrics(record) }),
    );
  } catch (error) {
    hooks.onLeft?.({ directory: directory.path, epochs: 0, finished: true });
    throw error;
  }
}

/** Makes a run's record as it is at the moment. */
function describer<R extends RunRecord>(
  { directory: _, device, keep: __, ...plan }: Plan<R>,
  attempt: Attempt,
  previous: R | null,
): (state: R["state"], metrics: R["metrics"]) => Described<R> {
  const began = performance.now();
  const started = previous?.started ?? new Date().toISOString();
  return (state, metrics) => {
    const seconds = Math.max(0, previous?.seconds ?? 0) + (performance.now() - began) / 1000;
    const { command, ...others } = plan;
    const described = {
      ...{ format: "shiftgrad-run", version: recordVersion },
      ...others,
      command: previous?.command ?? command,
      ...{ state, device: device.info, variants: attempt.variants },
      software: softwareVersions(device),
      ...{ started, seconds: Number(seconds.toFixed(3)), metrics },
    };
    return described as unknown as Described<R>;
  };
}
