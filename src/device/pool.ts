import type { DeviceCounters } from "./device.js";
import { DeviceError, LimitError, ReleasedError } from "./errors.js";
import { IdleBlocks, type Memory } from "./idle-blocks.js";
import { Scope } from "./scope.js";
import type { Storage } from "./storage.js";

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
}

/** A storage on a block of memory, which it has from its allocation to its release. */
export class PooledStorage<M extends Memory> implements Storage {
  live = true;
  kept = false;
  memory: M | null = null;

  constructor(
    readonly bytes: number,
    readonly label: string,
  ) {}

  /** The block, for a command of `user`. Throws ReleasedError where there is none any more. */
  memoryFor(user: string): M {
    if (!this.memory) throw released(this, user);
    return this.memory;
  }
}

const released = ({ label }: Storage, user: string): ReleasedError =>
  new ReleasedError(
    `${user} was given "${label}", which was released or whose scope has ended; keep it, or use it ` +
      "inside the scope",
  );

/** Throws ReleasedError if the storage is not to be used any more. */
export function checkLive(storage: Storage, user: string): void {
  if (!storage.live) throw released(storage, user);
}

/** Size classes: four to an octave from 1 KiB up, so a block wastes at most a quarter there. */
export function sizeClass(bytes: number): number {
  const smallest = 256;
  if (bytes <= smallest) return smallest;
  const octave = 2 ** Math.floor(Math.log2(bytes - 1));
  const step = Math.max(smallest, octave / 4);
  return Math.ceil(bytes / step) * step;
}

/** The memory of a recording. */
export interface RecordedMemory {
  /** Throws ReleasedError where a storage that the recording got from outside is no more. */
  checkLive(): void;
  /** Lets others have the blocks that no recording names any longer. */
  release(): void;
}

/** What the body of a capture asked for, before any of it has memory. */
interface Capture<M extends Memory> {
  readonly made: Set<PooledStorage<M>>;
  /** Storages from outside that its commands name. */
  readonly outer: Set<PooledStorage<M>>;
  /** Storages from outside that it released. */
  readonly ended: Set<PooledStorage<M>>;
  readonly steps: (() => void)[];
}

/**
 * The pool both devices share: scopes own storages, blocks of released storages wait in size classes
 * for the next request of the class. A steady training step therefore creates nothing.
 *
 * Recordings share memory. A block that a recording names goes to no one but another recording while
 * the recording lives; two of them may compute on the same blocks, because commands run in queue
 * order and replays never overlap. What is still live when the body of a capture is over, to be read
 * or written between replays, lies in blocks of its own. So a captured body is carried out in two
 * rounds: it runs, and allocations, kernel calls and releases are only noted; then it is known what
 * stays, memory is given out, and the calls become commands.
 */
export class Pool<M extends Memory> {
  readonly #backing: Backing<M>;
  readonly #counters: DeviceCounters;
  readonly #maxStorageBytes: number;
  readonly #scopes: Scope[] = [];
  readonly #idle = new IdleBlocks<M>();
  /** Idle blocks that recordings name. */
  readonly #shared = new IdleBlocks<M>();
  /** How many recordings name a block. */
  readonly #recordings = new Map<M, number>();
  #capture: Capture<M> | null = null;
  /** The blocks of the recording that is being given memory, and the idle ones only it names. */
  #named: Set<M> | null = null;
  readonly #own = new IdleBlocks<M>();
  #nextId = 1;

  constructor(backing: Backing<M>, counters: DeviceCounters, maxStorageBytes: number) {
    this.#backing = backing;
    this.#counters = counters;
    this.#maxStorageBytes = maxStorageBytes;
  }

  scope(): Scope {
    return new Scope(this.#scopes, (storage) => this.release(storage as PooledStorage<M>));
  }

  /** A storage that the innermost scope owns. */
  allocate(bytes: number, label: string): PooledStorage<M> {
    const storage = this.#sized(bytes, label);
    if (this.#capture) {
      this.#capture.made.add(storage);
      this.#capture.steps.push(() => {
        if (!storage.memory) this.#bind(storage, this.#takeShared(storage));
      });
    } else this.#bind(storage, this.#take(storage));
    const scope = this.#scopes.at(-1);
    scope?.own(storage);
    storage.kept = scope === undefined;
    return storage;
  }

  /** Scratch memory of a kernel call, which no scope owns: released when its commands are enqueued. */
  lend(bytes: number, label: string): PooledStorage<M> {
    const storage = this.#sized(bytes, label);
    this.#bind(storage, this.#named ? this.#takeShared(storage) : this.#take(storage));
    return storage;
  }

  release(storage: PooledStorage<M>): void {
    if (!storage.live) {
      throw new ReleasedError(`${storage.label} was released twice; its scope owns it`);
    }
    storage.live = false;
    this.#disown(storage);
    if (this.#capture) {
      if (!this.#capture.made.has(storage)) this.#capture.ended.add(storage);
      this.#capture.steps.push(() => this.#unbind(storage));
    } else this.#unbind(storage);
  }

  keep(storage: PooledStorage<M>): void {
    this.#disown(storage);
    storage.kept = true;
  }

  /** Runs `step`, which uses the storages for `user`: now, or when a captured body is over. */
  use(storages: () => Iterable<Storage>, user: string, step: () => void): void {
    if (!this.#capture) {
      step();
      return;
    }
    for (const storage of storages() as Iterable<PooledStorage<M>>) {
      checkLive(storage, user);
      if (!this.#capture.made.has(storage)) this.#capture.outer.add(storage);
    }
    this.#capture.steps.push(step);
  }

  /** Runs `body`, then gives it memory and takes its steps. */
  capture(body: () => void): RecordedMemory {
    if (this.#capture || this.#named) {
      throw new DeviceError("capture inside capture; record one at a time");
    }
    const capture: Capture<M> = { made: new Set(), outer: new Set(), ended: new Set(), steps: [] };
    const named = new Set<M>();
    try {
      this.#capture = capture;
      body();
      this.#capture = null;
      this.#named = named;
      this.#carryOut(capture);
    } catch (error) {
      for (const storage of capture.made) {
        storage.live = false;
        this.#disown(storage);
      }
      for (const storage of [...capture.made, ...capture.ended]) this.#unbind(storage);
      this.#forget(named);
      throw error;
    } finally {
      this.#capture = null;
      this.#named = null;
      for (const memory of this.#own.clear()) this.#shelve(memory);
    }
    const outer = [...capture.outer].filter(({ live }) => live);
    return {
      checkLive: () => {
        for (const storage of outer) checkLive(storage, "a recording");
      },
      release: () => this.#forget(named),
    };
  }

  /** Gives idle blocks back to the system. */
  trim(): void {
    const blocks = this.#idle.clear();
    if (blocks.length === 0) return;
    for (const { bytes } of blocks) this.#counters.bytesReserved -= bytes;
    this.#backing.destroy(blocks);
  }

  #carryOut({ made, outer, steps }: Capture<M>): void {
    for (const { memory } of outer) if (memory) this.#name(memory);
    for (const storage of made) {
      if (!storage.live) continue;
      this.#bind(storage, this.#take(storage));
      if (storage.memory) this.#name(storage.memory);
    }
    for (const step of steps) step();
  }

  #sized(bytes: number, label: string): PooledStorage<M> {
    if (!Number.isFinite(bytes) || bytes < 0) {
      throw new LimitError(`${label} asks for ${bytes} bytes; a size must be a positive number`);
    }
    if (bytes > this.#maxStorageBytes) {
      throw new LimitError(
        `${label} needs ${bytes} bytes, but this device's largest single tensor is ` +
          `${this.#maxStorageBytes} bytes; use a smaller batch or a narrower model`,
      );
    }
    return new PooledStorage(
      Math.min(sizeClass(bytes), Math.max(this.#maxStorageBytes, 256)),
      label,
    );
  }

  #bind(storage: PooledStorage<M>, memory: M): void {
    storage.memory = memory;
    this.#counters.bytesInUse += memory.bytes;
    this.#counters.peakBytes = Math.max(this.#counters.peakBytes, this.#counters.bytesInUse);
  }

  #unbind(storage: PooledStorage<M>): void {
    const { memory } = storage;
    if (!memory) return;
    storage.memory = null;
    this.#counters.bytesInUse -= memory.bytes;
    this.#shelve(memory);
  }

  /** Puts a block where its next owner looks for it. */
  #shelve(memory: M): void {
    const recordings = this.#recordings.get(memory) ?? 0;
    if (recordings === 0) this.#idle.add(memory);
    else if (recordings === 1 && this.#named?.has(memory)) this.#own.add(memory);
    else this.#shared.add(memory);
  }

  /** A block that no recording names. */
  #take({ bytes, label }: Storage): M {
    return this.#idle.take(bytes) ?? this.#create(bytes, label);
  }

  /**
   * A block for what a recording computes on the way: of other recordings one of any size, because
   * nothing else may have it; of its own one of just this size, or small things take what the next
   * large one needs.
   */
  #takeShared(storage: Storage): M {
    const { bytes } = storage;
    const found = this.#shared.takeFitting(bytes) ?? this.#own.take(bytes);
    const memory = found ?? this.#take(storage);
    this.#name(memory);
    return memory;
  }

  #create(bytes: number, label: string): M {
    let memory = this.#backing.create(this.#nextId++, bytes, label, false);
    if (!memory) {
      this.trim();
      memory = this.#backing.create(this.#nextId++, bytes, label, true);
    }
    if (!memory) throw this.#full(bytes, label);
    this.#counters.buffersCreated++;
    this.#counters.bytesReserved += bytes;
    return memory;
  }

  #full(bytes: number, label: string): LimitError {
    const { bytesReserved, bytesInUse } = this.#counters;
    return new LimitError(
      `${label} needs ${bytes} bytes, but of the device's ${this.#backing.maxBytes} bytes ` +
        `${bytesReserved} are in use (${bytesReserved - bytesInUse} of them by recordings); use a ` +
        "smaller batch or a narrower model, or release what is no longer needed",
    );
  }

  /** Counts a block among those of the recording that is being given memory. */
  #name(memory: M): void {
    if (!this.#named || this.#named.has(memory)) return;
    this.#named.add(memory);
    this.#recordings.set(memory, (this.#recordings.get(memory) ?? 0) + 1);
  }

  /** A recording is gone: what only it has named is idle for everyone. */
  #forget(named: Set<M>): void {
    for (const memory of named) {
      const others = (this.#recordings.get(memory) ?? 1) - 1;
      if (others > 0) this.#recordings.set(memory, others);
      else {
        this.#recordings.delete(memory);
        if (this.#shared.remove(memory)) this.#idle.add(memory);
      }
    }
    named.clear();
  }

  #disown(storage: Storage): void {
    for (let i = this.#scopes.length - 1; i >= 0; i--) {
      if (this.#scopes[i]?.disown(storage)) return;
    }
  }
}

export const newCounters = (): DeviceCounters => ({
  buffersCreated: 0,
  bindGroupsCreated: 0,
  pipelinesCreated: 0,
  submits: 0,
  dispatches: 0,
  bytesInUse: 0,
  peakBytes: 0,
  bytesReserved: 0,
});
