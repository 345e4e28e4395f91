import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileHash, isMissing, isTemporary, writeAtomically } from "../../files/atomic.js";
import { FormatError } from "../../schema/index.js";
import { type MetricLine, parseMetrics } from "../records/metrics-log.js";
import { formatRecord, parseRecord, type RunRecord } from "../records/record.js";
import { shellCommand } from "../records/shell-command.js";
import { checkIdentities } from "../victims/data-source.js";

export const runFiles = {
  record: "record.json",
  metrics: "metrics.jsonl",
  checkpoint: "checkpoint.safetensors",
  /** What the attack's triggers are drawn with, of attacks that are prepared. */
  attack: "attack.safetensors",
  /** That, as it was when the training began; until the run is finished. */
  prepared: "prepared.safetensors",
  resume: "resume.safetensors",
  report: "report.html",
} as const;

/** The lock of who works in a run directory. */
export const lockFolder = "run.lock";

/** Files whose hashes a record names, each with what to do when it is not what was written. */
const remedies = {
  checkpoint: "put back a copy of it, or make the run again with another --out",
  attack: "put back a copy of it, or make the run again with another --out",
  prepared: "put back a copy of it, or delete it to prepare the attack anew",
  metrics: "put back a copy of it, or delete it to go on without the curves in it",
  resume: "put back a copy of it, or delete it to begin again at the first epoch",
} as const;
export type HashedFile = keyof typeof remedies;

/** A directory that cannot be written to or read as asked; the message says what to do. */
export class RunDirectoryError extends Error {
  override name = "RunDirectoryError";
}

/** The files of one run. Node only. */
export class RunDirectory {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  file(name: keyof typeof runFiles): string {
    return join(this.path, runFiles[name]);
  }

  /** The run's record. */
  async record(): Promise<RunRecord> {
    const record = await this.recordIfAny();
    if (record) return record;
    throw new RunDirectoryError(
      `${this.path} is not a run directory: it has no ${runFiles.record}; ` +
        "give the --out directory of an earlier train or purify",
    );
  }

  /** The run's record, or null where there is none yet. */
  async recordIfAny(): Promise<RunRecord | null> {
    const bytes = await this.readIfAny("record");
    return bytes && parseRecord(new TextDecoder().decode(bytes), this.file("record"));
  }

  async readIfAny(name: keyof typeof runFiles): Promise<Uint8Array | null> {
    try {
      return await readFile(this.file(name));
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  /**
   * A file that the run's record names; null where it is not there. The files of a record of
   * version 1 are taken as they are.
   *
   * @throws RunDirectoryError when it is not what was written, or not the run's
   */
  async verified(name: HashedFile, { files, next }: RunRecord): Promise<Uint8Array | null> {
    const bytes = await this.readIfAny(name);
    if (!bytes || !files) return bytes;
    const file = runFiles[name];
    const named = [files[file], next?.[file]].filter((hash) => hash !== undefined);
    const found = fileHash(bytes);
    if (named.includes(found)) return bytes;
    const reason =
      named.length === 0
        ? `is not named by ${runFiles.record}`
        : `was damaged or changed since the run wrote it: it has SHA-256 ${found.slice(0, 12)}..., ` +
          `${runFiles.record} names ${named.map((hash) => `${hash.slice(0, 12)}...`).join(" or ")}`;
    throw new RunDirectoryError(`${this.file(name)} ${reason}; ${remedies[name]}`);
  }

  /** The lines of the run's curves; none where they are gone. */
  async metrics(record: RunRecord): Promise<MetricLine[]> {
    const bytes = await this.verified("metrics", record);
    return bytes ? parseMetrics(new TextDecoder().decode(bytes), this.file("metrics")) : [];
  }

  /** Whether there is nothing left to do: the report is written, then the resume state removed. */
  async isComplete({ state }: RunRecord): Promise<boolean> {
    if (state !== "finished") return false;
    const names: readonly string[] = await readdir(this.path);
    return names.includes(runFiles.report) && !names.includes(runFiles.resume);
  }

  async write(name: keyof typeof runFiles, content: string | Uint8Array): Promise<void> {
    await writeAtomically(this.file(name), content);
  }

  async writeRecord(record: RunRecord): Promise<void> {
    await this.write("record", formatRecord(record));
  }
}

/** What decides a run. */
export type RunIdentity = Pick<RunRecord, "kind" | "configuration" | "data" | "lineage">;

/**
 * Makes a directory ready for a run, without ever overwriting one. It must be new or empty, or hold
 * the same run: of the same kind and configuration, from the same images and the same model. The
 * record of that is returned, to go on from. A run that left nothing but its record binds nobody.
 *
 * @param keep return a finished run's record too
 * @throws RunDirectoryError that says what is there and what to do
 * @throws DataMismatchError when the same run is there, but of other images
 */
export async function claimDirectory(
  path: string,
  run: RunIdentity,
  keep = false,
): Promise<RunRecord | null> {
  const directory = new RunDirectory(path);
  await mkdir(path, { recursive: true });
  const previous = await directory.recordIfAny().catch((cause: unknown) => {
    if (!(cause instanceof FormatError)) throw cause;
    throw new RunDirectoryError(`${cause.message}, or choose another --out`, { cause });
  });
  const ours: readonly string[] = [lockFolder, runFiles.record];
  const names = (await readdir(path)).filter((name) => !ours.includes(name) && !isTemporary(name));
  if (!previous && names.length > 0) {
    throw new RunDirectoryError(
      `${path} is not empty (${names.slice(0, 3).join(", ")}${names.length > 3 ? ", ..." : ""}) ` +
        "and holds no run; choose another --out",
    );
  }
  if (!previous || (names.length === 0 && previous.state !== "finished")) return null;
  if (!keep && (await directory.isComplete(previous))) {
    throw new RunDirectoryError(
      `${path} holds a finished ${previous.kind} run of ${previous.started}, which is not ` +
        "overwritten; choose another --out or delete the directory",
    );
  }
  const changed =
    previous.kind === run.kind
      ? differences(previous.configuration, run.configuration)
      : [`kind (${previous.kind} there, ${run.kind} now)`];
  if (changed.length > 0) {
    throw new RunDirectoryError(
      `${path} holds ${previous.state === "finished" ? "a finished" : "an unfinished"} ` +
        `${previous.kind} run with another configuration: ` +
        `${changed.slice(0, 4).join(", ")}; choose another --out, or repeat its command: ` +
        shellCommand(previous.command),
    );
  }
  checkIdentities(run.data, previous.data, path);
  checkSource(previous, run, path);
  return previous;
}

function checkSource({ lineage: there }: RunRecord, { lineage: now }: RunIdentity, path: string) {
  if (there?.checkpoint === now?.checkpoint && there?.record === now?.record) return;
  throw new RunDirectoryError(
    `${path} holds a run from the model of ${there?.directory}, whose checkpoint had SHA-256 ` +
      `${there?.checkpoint.slice(0, 12)}... and is ${now?.checkpoint.slice(0, 12)}... now, or whose ` +
      "record changed; put back what it began from, or choose another --out",
  );
}

/**
 * The dotted names of what differs, with both values. Where images come from is passed over: they
 * may have moved, and what they are is compared by hash.
 */
export function differences(before: unknown, after: unknown, path = ""): string[] {
  const isObject = (v: unknown): v is Record<string, unknown> =>
    typeof v === "object" && v !== null;
  if (isObject(before) && isObject(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    keys.delete("data");
    return [...keys].flatMap((key) =>
      differences(before[key], after[key], path === "" ? key : `${path}.${key}`),
    );
  }
  if (Object.is(before, after)) return [];
  return [`${path} (${JSON.stringify(before)} there, ${JSON.stringify(after)} now)`];
}
