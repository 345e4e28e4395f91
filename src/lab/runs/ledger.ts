import { rm } from "node:fs/promises";
import { fileHash } from "../../files/atomic.js";
import type { Lock } from "../../files/lock.js";
import type { FileHashes, RunRecord } from "../records/record.js";
import {
  type HashedFile,
  type RunDirectory,
  RunDirectoryError,
  runFiles,
} from "./run-directory.js";

/** A record but for what ties it to the files beside it. */
export type Described<R extends RunRecord> = Omit<R, "files" | "next">;

/** What an earlier attempt left to go on from. */
export interface Left {
  readonly resume: Uint8Array | null;
  readonly metrics: Uint8Array | null;
  readonly prepared: Uint8Array | null;
}

/** What a finished run leaves beside its record. */
export interface Results {
  readonly checkpoint?: Uint8Array;
  readonly attack?: Uint8Array;
}

/**
 * Keeps a run's record and its files true to each other: a process may die at any operation, and
 * each file is still one that the record names.
 *
 *     replace   record (as files are, or as they will be next), then the files
 *     finish    checkpoint, the attack's state, record (finished), report; what a run goes on from
 *               goes last
 *
 * Until a run is finished its resume state is there, so that nothing is trained twice; what is
 * missing after that is made from the record, by the same command.
 */
export class Ledger<R extends RunRecord> {
  readonly directory: RunDirectory;
  readonly #lock: Lock;
  readonly #describe: (state: R["state"], metrics: R["metrics"]) => Described<R>;
  #files: FileHashes = {};
  #next: FileHashes | undefined;

  constructor(
    directory: RunDirectory,
    lock: Lock,
    describe: (state: R["state"], metrics: R["metrics"]) => Described<R>,
  ) {
    this.directory = directory;
    this.#lock = lock;
    this.#describe = describe;
  }

  /**
   * Verifies what an earlier attempt left, and writes the first record of this one.
   *
   * @param onMissing called with the name of each file that the record names and that is gone
   */
  async begin(previous: RunRecord | null, onMissing: (file: string) => void): Promise<Left> {
    const left: Record<keyof Left, Uint8Array | null> = {
      ...{ resume: null, metrics: null, prepared: null },
    };
    for (const name of previous ? (["resume", "metrics", "prepared"] as const) : []) {
      const bytes = previous && (await this.directory.verified(name, previous));
      left[name] = bytes;
      if (bytes) this.#files = { ...this.#files, [runFiles[name]]: fileHash(bytes) };
      else if (previous?.files?.[runFiles[name]]) onMissing(this.directory.file(name));
    }
    await this.write("running");
    return left;
  }

  async write(state: R["state"], metrics: R["metrics"] = null, files = this.#files): Promise<R> {
    const tied = { files, ...(this.#next && { next: this.#next }) };
    const record = { ...this.#describe(state, metrics), ...tied } as unknown as R;
    await this.#lock.check();
    await this.directory.writeRecord(record);
    return record;
  }

  /** Replaces files, in their order. */
  async replace(contents: Partial<Record<HashedFile, string | Uint8Array>>): Promise<void> {
    const named = Object.entries(contents) as [HashedFile, string | Uint8Array][];
    this.#next = Object.fromEntries(named.map(([n, content]) => [runFiles[n], fileHash(content)]));
    await this.write("running");
    for (const [name, content] of named) await this.directory.write(name, content);
    this.#files = { ...this.#files, ...this.#next };
    this.#next = undefined;
  }

  /** Writes what the run leaves, then the record of a finished run. */
  async finish(metrics: R["metrics"], results: Results): Promise<R> {
    const { [runFiles.resume]: _, [runFiles.prepared]: __, ...kept } = this.#files;
    const files: Record<string, string> = kept;
    for (const name of ["checkpoint", "attack"] as const) {
      const content = results[name];
      if (!content) continue;
      await this.directory.write(name, content);
      files[runFiles[name]] = fileHash(content);
    }
    return this.write("finished", metrics, files);
  }
}

/**
 * Does what is left to do for a run whose record is finished. It may fail and be repeated.
 *
 * @throws RunDirectoryError that says what remains to be done
 */
export async function complete(
  directory: RunDirectory,
  report: () => Promise<string>,
): Promise<void> {
  try {
    await directory.write("report", await report());
    for (const name of ["prepared", "resume"] as const) {
      await rm(directory.file(name), { force: true });
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new RunDirectoryError(
      `the run in ${directory.path} is finished, and its report is not: ${reason}; repeat the ` +
        "command to write it",
      { cause },
    );
  }
}
