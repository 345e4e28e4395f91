import type { DeviceCounters } from "./device.js";
import { LimitError } from "./errors.js";
import { IdleBlocks, type Memory } from "./idle-blocks.js";

/** How a device gets memory from its system and gives it back. */
export interface Backing<M extends Memory> {
  /** The most it may hold, in bytes; infinite where that is not known. */
  readonly maxBytes: number;
  /**
   * A block, or null where it does not fit beside those there are. `last`: no idle block is left
   * to give back.
   */
  create(id: number, bytes: number, label: string, last: boolean): M | null;
  destroy(blocks: readonly M[]): void;
  /** Until the block is handed out again, no command uses it but those enqueued already. */
  idle?(block: M): void;
}

/**
 * The blocks of a device's memory while nobody owns them. Those that recordings name are kept for
 * recordings: two may compute on the same blocks, because commands run in queue order and replays
 * never overlap.
 */
export class BlockStore<M extends Memory> {
  readonly #backing: Backing<M>;
  readonly #counters: DeviceCounters;
  readonly #idle = new IdleBlocks<M>();
  /** Idle blocks that recordings name, and how many name a block. */
  readonly #shared = new IdleBlocks<M>();
  readonly #recordings = new Map<M, number>();
  /** The blocks of the recording that is being given memory, and the idle ones only it names. */
  #named: Set<M> | null = null;
  readonly #own = new IdleBlocks<M>();
  #nextId = 1;

  constructor(backing: Backing<M>, counters: DeviceCounters) {
    this.#backing = backing;
    this.#counters = counters;
  }

  /** A block that no recording names. */
  take(bytes: number, label: string): M {
    const block = this.#idle.take(bytes) ?? this.#create(bytes, label);
    if (!block) throw this.#full(bytes, label);
    return block;
  }

  /** Scratch memory: for a recording where one is being given memory. */
  takeScratch(bytes: number, label: string): M {
    if (!this.#named) return this.take(bytes, label);
    // Of other recordings' blocks one of any size, because nothing else may have it; of its own one of
    // just this size, or small things take what the next large one needs, unless there is no other.
    const block =
      this.#shared.takeFitting(bytes) ??
      this.#own.take(bytes) ??
      this.#idle.take(bytes) ??
      this.#create(bytes, label) ??
      this.#own.takeFitting(bytes);
    if (!block) throw this.#full(bytes, label);
    this.name(block);
    return block;
  }

  putBack(block: M): void {
    // A recording that is being given memory has used nothing yet.
    if (!this.#named) this.#backing.idle?.(block);
    this.#shelve(block);
  }

  /** Runs `body`, which gives a recording memory; the blocks that the recording then names. */
  record(body: () => void): Set<M> {
    const named = new Set<M>();
    this.#named = named;
    try {
      body();
    } catch (error) {
      this.forget(named);
      throw error;
    } finally {
      this.#named = null;
      for (const block of this.#own.clear()) this.#shelve(block);
    }
    return named;
  }

  /** Counts a block among those of the recording that is being given memory. */
  name(block: M): void {
    if (!this.#named || this.#named.has(block)) return;
    this.#named.add(block);
    this.#recordings.set(block, (this.#recordings.get(block) ?? 0) + 1);
  }

  /** A recording is gone: what only it has named is idle for everyone. */
  forget(named: Set<M>): void {
    for (const block of named) {
      const others = (this.#recordings.get(block) ?? 1) - 1;
      if (others > 0) this.#recordings.set(block, others);
      else {
        this.#recordings.delete(block);
        if (this.#shared.remove(block)) this.putBack(block);
      }
    }
    named.clear();
  }

  /** Gives idle blocks back to the system. */
  trim(): void {
    this.#destroy(this.#idle.clear());
  }

  /** Puts a block where its next owner looks for it. */
  #shelve(block: M): void {
    const recordings = this.#recordings.get(block) ?? 0;
    if (recordings === 0 && block.refused) this.#destroy([block]);
    else if (recordings === 0) this.#idle.add(block);
    else if (recordings === 1 && this.#named?.has(block)) this.#own.add(block);
    else this.#shared.add(block);
  }

  #create(bytes: number, label: string): M | null {
    let block = this.#backing.create(this.#nextId++, bytes, label, false);
    if (!block) {
      this.trim();
      block = this.#backing.create(this.#nextId++, bytes, label, true);
    }
    if (!block) return null;
    this.#counters.buffersCreated++;
    this.#counters.bytesReserved += bytes;
    return block;
  }

  #destroy(blocks: readonly M[]): void {
    if (blocks.length === 0) return;
    for (const { bytes } of blocks) this.#counters.bytesReserved -= bytes;
    this.#backing.destroy(blocks);
  }

  #full(bytes: number, label: string): LimitError {
    return new LimitError(
      `${label} needs ${bytes} bytes, but of the device's ${this.#backing.maxBytes} bytes ` +
        `${this.#counters.bytesReserved} are in use, by tensors or by recordings; use a smaller ` +
        "batch or a narrower model, or release what is no longer needed",
    );
  }
}
