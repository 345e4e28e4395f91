import { ReleasedError } from "./errors.js";
import type { KernelCalls, KernelName } from "./kernels.js";
import { byteLength, byteOffset, type Slice, type Storage } from "./storage.js";
import { tick, WriteLog } from "./write-log.js";
import { written } from "./written.js";

/** A change of the host's state; returns the way back. */
export type HostEffect = () => () => void;

/**
 * What a capture means to the host, whose commands run only when it is replayed: which parts of
 * which storages they write, whose memory they use, and which host state changes with each replay.
 */
export class CaptureLog {
  /** When it was replayed last; 0 before. */
  replayedAt = 0;
  readonly #writes = new Map<Storage, WriteLog>();
  /** Storages from outside that the commands use. */
  readonly #used = new Set<Storage>();
  readonly #made = new WeakSet<Storage>();
  readonly #effects: HostEffect[] = [];
  readonly #undo: (() => void)[] = [];

  /** Notes a storage allocated inside: its memory stays the recording's when it is released. */
  made(storage: Storage): void {
    this.#made.add(storage);
  }

  wrote({ storage }: Slice, from: number, to: number, at: number): void {
    const log = this.#writes.get(storage) ?? new WriteLog();
    log.note(from, to, at);
    this.#writes.set(storage, log);
    this.#use(storage);
  }

  /** Notes the storages in a kernel call. */
  uses(value: unknown): void {
    if (value === null || typeof value !== "object") return;
    if ("storage" in value) this.#use((value as Slice).storage);
    else for (const part of Object.values(value)) this.uses(part);
  }

  /** Whether a command recorded after `at` writes one of the bytes [from, to). */
  writesAfter(storage: Storage, from: number, to: number, at: number): boolean {
    return this.#writes.get(storage)?.since(from, to, at) ?? false;
  }

  /** Makes a change that ends with the capture and is made again before every replay. */
  effect(effect: HostEffect): void {
    this.#undo.push(effect());
    this.#effects.push(effect);
  }

  /** Ends the capture: nothing it recorded has happened yet. */
  end(): void {
    for (const undo of this.#undo.splice(0).reverse()) undo();
    for (const storage of this.#writes.keys()) if (!storage.live) this.#writes.delete(storage);
  }

  /**
   * Call before the commands are enqueued.
   *
   * @throws ReleasedError when memory they use was released; what an effect throws
   */
  replay(): void {
    for (const { live, label } of this.#used) {
      if (live) continue;
      throw new ReleasedError(
        `a recording was replayed after "${label}", which it uses, had been released; ` +
          "keep that for as long as the recording, or capture it again",
      );
    }
    const undo: (() => void)[] = [];
    try {
      for (const effect of this.#effects) undo.push(effect());
    } catch (error) {
      for (const back of undo.reverse()) back();
      throw error;
    }
    this.replayedAt = tick();
    for (const [{ writes }, log] of this.#writes) {
      for (const { from, to } of writes ? log.parts() : []) {
        writes?.note(from, to, this.replayedAt, this);
      }
    }
  }

  #use(storage: Storage): void {
    if (!this.#made.has(storage)) this.#used.add(storage);
  }
}

/** Notes what an enqueued or recorded kernel call writes. */
export function noteCall<K extends KernelName>(
  kernel: K,
  call: KernelCalls[K],
  capturing: CaptureLog | undefined,
): void {
  const at = tick();
  const slices = call as unknown as Readonly<Record<string, Slice | null>>;
  for (const name of written[kernel]) {
    const slice = slices[name];
    if (slice) note(slice, at, capturing);
  }
  capturing?.uses(call);
}

/** Notes that the host's write to a slice was enqueued or recorded. */
export const noteWrite = (slice: Slice, capturing: CaptureLog | undefined): void =>
  note(slice, tick(), capturing);

function note(slice: Slice, at: number, capturing: CaptureLog | undefined): void {
  const { writes } = slice.storage;
  if (!capturing && !writes) return;
  const from = byteOffset(slice);
  const to = from + byteLength(slice);
  if (capturing) capturing.wrote(slice, from, to, at);
  else writes?.note(from, to, at);
}

/** Makes a change of the host's state: now, or inside a capture at every replay too. */
export function hostEffect(
  { capturing }: { readonly capturing: CaptureLog | undefined },
  effect: HostEffect,
): void {
  if (capturing) capturing.effect(effect);
  else effect();
}
