import { type Backing, BlockStore } from "./block-store.js";
import type { DeviceCounters } from "./device.js";
import { DeviceError, LimitError, ReleasedError } from "./errors.js";
import type { Memory } from "./idle-blocks.js";
import { checkLive, PooledStorage } from "./pooled-storage.js";
import { Scope } from "./scope.js";
import type { Storage } from "./storage.js";

/** Size classes: four to an octave from 1 KiB up, so a block wastes at most a quarter there. */
export function sizeClass(bytes: number): number {
  const smallest = 256;
  if (bytes <= smallest) return smallest;
  const octave = 2 ** Math.floor(Math.log2(bytes - 1));
  const step = Math.max(smallest, octave / 4);
  return Math.ceil(bytes / step) * step;
}

/** The memory of a recording. */
export interface RecordedMemory<M extends Memory> {
  /** The blocks that nothing lies in between replays. */
  readonly temporaries: readonly M[];
  /** What the recording uses of what was made outside of it, or released inside. */
  readonly outer: ReadonlySet<Storage>;
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
  readonly constants: PooledStorage<M>[];
  readonly steps: (() => void)[];
}

/**
 * The pool both devices share: scopes own storages, blocks of released storages wait in size classes
 * for the next request of the class. A steady training step therefore creates nothing.
 *
 * A captured body is carried out in two rounds. It runs, and allocations, kernel calls and releases
 * are only noted. When it is over it is known what stays, to be read or written between replays: that
 * gets blocks of its own. Everything else gets blocks that other recordings compute on too; then the
 * calls become commands.
 */
export class Pool<M extends Memory> {
  readonly #store: BlockStore<M>;
  readonly #counters: DeviceCounters;
  readonly #maxStorageBytes: number;
  readonly #scopes: Scope[] = [];
  #capture: Capture<M> | null = null;

  constructor(backing: Backing<M>, counters: DeviceCounters, maxStorageBytes: number) {
    this.#store = new BlockStore(backing, counters);
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
        if (!storage.memory) this.#bindScratch(storage);
      });
    } else this.#bind(storage);
    const scope = this.#scopes.at(-1);
    scope?.own(storage);
    storage.kept = scope === undefined;
    return storage;
  }

  /** In a captured body: memory that the host writes at once and that the recording keeps. */
  constant(bytes: number, label: string): PooledStorage<M> {
    const storage = this.#sized(bytes, label);
    this.#bind(storage);
    storage.kept = true;
    this.#capture?.constants.push(storage);
    return storage;
  }

  /** Scratch memory of a kernel call, which no scope owns: released when its commands are enqueued. */
  lend(bytes: number, label: string): PooledStorage<M> {
    const storage = this.#sized(bytes, label);
    this.#bindScratch(storage);
    return storage;
  }

  release(storage: PooledStorage<M>): void {
    if (!storage.live) {
      throw new ReleasedError(
        `"${storage.label}" was released twice; what a scope owns, the scope releases at its end`,
      );
    }
    storage.live = false;
    this.#disown(storage);
    if (this.#capture) {
      if (!this.#capture.made.has(storage)) this.#capture.ended.add(storage);
      this.#capture.steps.push(() => this.#unbind(storage));
    } else this.#unbind(storage);
  }

  keep(storage: PooledStorage<M>): void {
    if (!storage.live) {
      throw new ReleasedError(
        `keep: "${storage.label}" was released already; keep it before its scope ends`,
      );
    }
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
  capture(body: () => void): RecordedMemory<M> {
    if (this.#capture) throw new DeviceError("capture inside capture; record one at a time");
    const capture: Capture<M> = {
      ...{ made: new Set(), outer: new Set(), ended: new Set() },
      ...{ constants: [], steps: [] },
    };
    this.#capture = capture;
    this.#orAbandon(capture, body);
    const named = this.#store.record(() => {
      this.#orAbandon(capture, () => this.#carryOut(capture));
    });
    const { outer, made, constants } = capture;
    const held = new Set([...outer, ...made].map(({ memory }) => memory));
    return {
      temporaries: [...named].filter((block) => !held.has(block)),
      outer,
      release: () => {
        for (const storage of constants.splice(0)) this.release(storage);
        this.#store.forget(named);
      },
    };
  }

  /** Gives idle blocks back to the system. */
  trim(): void {
    this.#store.trim();
  }

  #carryOut({ made, outer, steps }: Capture<M>): void {
    for (const { memory } of outer) if (memory) this.#store.name(memory);
    for (const storage of made) {
      if (storage.live) this.#store.name(this.#bind(storage));
    }
    for (const step of steps) step();
  }

  /** Ends the capture's first round, or its second; if that fails, only what is kept is left of it. */
  #orAbandon(capture: Capture<M>, round: () => void): void {
    let done = false;
    try {
      round();
      done = true;
    } finally {
      this.#capture = null;
      if (!done) this.#abandon(capture);
    }
  }

  #abandon({ made, ended, constants }: Capture<M>): void {
    for (const storage of constants) storage.live = false;
    for (const storage of [...constants, ...ended, ...made]) {
      if (!storage.live) this.#unbind(storage);
    }
    // What still has an owner is usable, and the owner's to release.
    for (const storage of made) {
      try {
        if (storage.live && !storage.memory) this.#bind(storage);
      } catch (error) {
        if (!(error instanceof LimitError)) throw error;
      }
    }
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
    const size = Math.min(sizeClass(bytes), Math.max(this.#maxStorageBytes, 256));
    return new PooledStorage(size, label);
  }

  #bind(storage: PooledStorage<M>): M {
    return this.#hold(storage, this.#store.take(storage.bytes, storage.label));
  }

  #bindScratch(storage: PooledStorage<M>): void {
    this.#hold(storage, this.#store.takeScratch(storage.bytes, storage.label));
  }

  #hold(storage: PooledStorage<M>, block: M): M {
    storage.memory = block;
    this.#counters.bytesInUse += block.bytes;
    this.#counters.peakBytes = Math.max(this.#counters.peakBytes, this.#counters.bytesInUse);
    return block;
  }

  #unbind(storage: PooledStorage<M>): void {
    const { memory } = storage;
    if (!memory) return;
    storage.memory = null;
    this.#counters.bytesInUse -= memory.bytes;
    this.#store.putBack(memory);
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
