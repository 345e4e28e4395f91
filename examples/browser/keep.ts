/**
 * Runs, kept in the browser so that a reload loses nothing: what each has reported, and what it can
 * go on from. A run goes by its settings, which decide its outcome.
 */
import { BrowserTable, idbResult } from "shiftgrad";
import type { RunReport } from "./protocol.js";
import { addressOf, type Settings } from "./settings.js";

/** Written into every run; those of a page that wrote otherwise are left out. */
const format = 1;
/** The newest runs; older ones go. */
const mostRuns = 8;

interface Head {
  readonly format: number;
  readonly settings: Settings;
  readonly begun: number;
  /** Whoever writes: a random name that each start and each continuation takes. */
  readonly writer: string;
}

export interface KeptRun {
  readonly settings: Settings;
  readonly reports: readonly RunReport[];
}

/** Where a tab notes which run it shows. */
const shownKey = "shiftgrad run";

/** Notes for a reload of this tab which run it shows. */
export function noteShown(id: string): void {
  try {
    sessionStorage.setItem(shownKey, id);
  } catch {
    // A browser that keeps nothing for this page; the worker says so.
  }
}

/** The run that this tab showed before it was reloaded. */
export function shownRun(): string | null {
  const [navigation] = performance.getEntriesByType("navigation");
  if ((navigation as PerformanceNavigationTiming | undefined)?.type === "navigate") return null;
  try {
    return sessionStorage.getItem(shownKey);
  } catch {
    return null;
  }
}

/** What a run goes on from. */
export interface KeptState {
  /** The training or tuning that is going on (`encodeState`). */
  readonly state: Uint8Array | null;
  /** The victim, when it is trained (`encodeCheckpoint`). */
  readonly victim: Uint8Array | null;
}

/** Another tab has begun or continued the same run, and keeps it. */
export class TakenOverError extends Error {}

const table = (): BrowserTable => new BrowserTable("shiftgrad-page", "runs");

/** Entries of a run: its head, its reports in pieces, state and victim. */
const head = (id: string) => [id, "head"];
const piece = (id: string, number: number) => [id, "reports", number];
const bytes = (id: string, name: keyof KeptState) => [id, name];
const allOf = (id: string) => IDBKeyRange.bound([id], [id, []]);
const piecesOf = (id: string) => IDBKeyRange.bound([id, "reports"], [id, "reports", []]);

/** The run of these settings; null where none is kept. */
export async function keptRun(id: string): Promise<KeptRun | null> {
  return table().transact("readonly", async (entries) => {
    const found: Head | undefined = await idbResult(entries.get(head(id)));
    if (found?.format !== format) return null;
    const pieces: RunReport[][] = await idbResult(entries.getAll(piecesOf(id)));
    return { settings: found.settings, reports: pieces.flat() };
  });
}

export async function keptState(id: string): Promise<KeptState> {
  return table().transact("readonly", async (entries) => {
    const read = async (name: keyof KeptState): Promise<Uint8Array | null> =>
      (await idbResult(entries.get(bytes(id, name)))) ?? null;
    return { state: await read("state"), victim: await read("victim") };
  });
}

/** Writes one run. Only the last writer of a run may: two tabs cannot mix theirs up. */
export class RunWriter {
  readonly #id: string;
  readonly #name = crypto.randomUUID();

  private constructor(id: string) {
    this.#id = id;
  }

  /** Begins a run anew, or takes over the one that is there; the oldest runs make room. */
  static async open(settings: Settings, again: boolean): Promise<RunWriter> {
    const id = addressOf(settings);
    const writer = new RunWriter(id);
    await table().transact("readwrite", async (entries) => {
      if (!again) await idbResult(entries.delete(allOf(id)));
      const made: Head = { format, settings, begun: Date.now(), writer: writer.#name };
      await idbResult(entries.put(made, head(id)));
      await forgetOldest(entries);
    });
    return writer;
  }

  /**
   * Adds reports, and replaces state and victim where they are given: all of it, or nothing.
   *
   * @throws BrowserTableError caused by a TakenOverError when another tab writes this run
   */
  async add(reports: readonly RunReport[], change: Partial<KeptState>): Promise<void> {
    await table().transact("readwrite", async (entries) => {
      const found: Head | undefined = await idbResult(entries.get(head(this.#id)));
      if (found?.writer !== this.#name) throw new TakenOverError("another tab keeps this run");
      const number = await idbResult(entries.count(piecesOf(this.#id)));
      await idbResult(entries.put(reports, piece(this.#id, number)));
      for (const name of ["state", "victim"] as const) {
        const value = change[name];
        if (value) await idbResult(entries.put(value, bytes(this.#id, name)));
        else if (value === null) await idbResult(entries.delete(bytes(this.#id, name)));
      }
    });
  }
}

async function forgetOldest(entries: IDBObjectStore): Promise<void> {
  const ids = (await idbResult(entries.getAllKeys()))
    .filter((key) => Array.isArray(key) && key[1] === "head")
    .map((key) => (key as string[])[0] ?? "");
  const begun: [string, number][] = [];
  for (const id of ids) {
    const found: Head = await idbResult(entries.get(head(id)));
    begun.push([id, found.begun]);
  }
  begun.sort((a, b) => b[1] - a[1]);
  for (const [id] of begun.slice(mostRuns)) await idbResult(entries.delete(allOf(id)));
}
