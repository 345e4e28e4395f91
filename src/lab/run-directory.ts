import { createHash } from "node:crypto";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { FormatError } from "./fields.js";
import { isMissing, lockFile, writeAtomically } from "./files.js";
import { MetricsLog } from "./metrics-log.js";
import { parseRecord } from "./read-record.js";
import { formatRecord, type Lineage, type RunRecord } from "./record.js";
import { shellCommand } from "./shell-command.js";

export const runFiles = {
  record: "record.json",
  metrics: "metrics.jsonl",
  checkpoint: "checkpoint.safetensors",
  resume: "resume.safetensors",
  report: "report.html",
} as const;

/** A directory that cannot be written to or read as asked; the message says what to do. */
export class RunDirectoryError extends Error {
  override name = "RunDirectoryError";
}

/** The files of one run. Node only. */
export class RunDirectory {
  readonly path: string;
  readonly metrics: MetricsLog;

  constructor(path: string) {
    this.path = path;
    this.metrics = new MetricsLog(this.file("metrics"));
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

  async write(name: keyof typeof runFiles, content: string | Uint8Array): Promise<void> {
    await writeAtomically(this.file(name), content);
  }

  async writeRecord(record: RunRecord): Promise<void> {
    await this.write("record", formatRecord(record));
  }

  /** What a run that starts from this one says about it. */
  async lineage(): Promise<Lineage> {
    const [record, checkpoint] = [await this.#hash("record"), await this.#hash("checkpoint")];
    return { directory: this.path, record, checkpoint };
  }

  async #hash(name: keyof typeof runFiles): Promise<string> {
    const bytes = await this.readIfAny(name);
    if (!bytes) throw new RunDirectoryError(`${this.path} has no ${runFiles[name]}`);
    return createHash("sha256").update(bytes).digest("hex");
  }
}

/**
 * Makes a directory ready for a run, without ever overwriting one: it must be new or empty, or hold
 * an unfinished run of the same kind and configuration, whose record is returned to continue from.
 *
 * @throws RunDirectoryError that says what is there and what to do
 */
export async function claimDirectory(
  path: string,
  run: Pick<RunRecord, "kind" | "configuration">,
): Promise<RunRecord | null> {
  const directory = new RunDirectory(path);
  await mkdir(path, { recursive: true });
  const previous = await directory.recordIfAny().catch((cause: unknown) => {
    if (!(cause instanceof FormatError)) throw cause;
    throw new RunDirectoryError(`${cause.message}; choose another --out`, { cause });
  });
  if (!previous) {
    const names = (await readdir(path)).filter(
      (name) => name !== lockFile && !name.endsWith(".tmp"),
    );
    if (names.length === 0) return null;
    throw new RunDirectoryError(
      `${path} is not empty (${names.slice(0, 3).join(", ")}${names.length > 3 ? ", ..." : ""}) ` +
        "and holds no run; choose another --out",
    );
  }
  if (previous.state === "finished") {
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
      `${path} holds an unfinished ${previous.kind} run with another configuration: ` +
        `${changed.slice(0, 4).join(", ")}; choose another --out, or repeat its command: ` +
        shellCommand(previous.command),
    );
  }
  return previous;
}

/** The dotted names of what differs, with both values. */
export function differences(before: unknown, after: unknown, path = ""): string[] {
  const isObject = (v: unknown): v is Record<string, unknown> =>
    typeof v === "object" && v !== null;
  if (isObject(before) && isObject(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap((key) =>
      differences(before[key], after[key], path === "" ? key : `${path}.${key}`),
    );
  }
  if (Object.is(before, after)) return [];
  return [`${path} (${JSON.stringify(before)} there, ${JSON.stringify(after)} now)`];
}
