import type { DeviceCounters } from "./device.js";
import { LimitError, ReleasedError } from "./errors.js";
import { Scope } from "./scope.js";
import type { Storage } from "./storage.js";

/** How a device gets memory from its system and gives it back. */
export interface Backing<S extends Storage> {
  create(id: number, bytes: number, label: string): S;
  /** The block for its next owner: a new object, live and without a history. */
  reuse(block: S, label: string): S;
  destroy(storage: S): void;
}

/** Size classes: four to an octave from 1 KiB up, so a block wastes at most a quarter there. */
export function sizeClass(bytes: number): number {
  const smallest = 256;
  if (bytes <= smallest) return smallest;
  const octave = 2 ** Math.floor(Math.log2(bytes - 1));
  const step = Math.max(smallest, octave / 4);
  return Math.ceil(bytes / step) * step;
}

/**
 * The pool both devices share: scopes own storages, released storages wait in size classes for the
 * next request of the class. A steady training step therefore creates nothing.
 */
export class Pool<S extends Storage> {
  readonly #backing: Backing<S>;
  readonly #counters: DeviceCounters;
  readonly #maxBytes: number;
  readonly #scopes: Scope[] = [];
  #free = new Map<number, S[]>();
  readonly #outer: Map<number, S[]>[] = [];
  /** Blocks handed out from private memory that still exists: they return there, whenever. */
  readonly #private = new Map<S, Map<number, S[]>>();
  #nextId = 1;

  constructor(backing: Backing<S>, counters: DeviceCounters, maxBytes: number) {
    this.#backing = backing;
    this.#counters = counters;
    this.#maxBytes = maxBytes;
  }

  scope(): Scope {
    return new Scope(this.#scopes, (storage) => this.release(storage as S));
  }

  /**
   * @param lasting kept from the start, and never a block that the commands being captured have used
   *   or will use for something else: what the host writes between replays stays as it is
   */
  allocate(bytes: number, label: string, lasting = false): S {
    if (!Number.isFinite(bytes) || bytes < 0) {
      throw new LimitError(`${label} asks for ${bytes} bytes; a size must be a positive number`);
    }
    if (bytes > this.#maxBytes) {
      throw new LimitError(
        `${label} needs ${bytes} bytes, but this device's largest single tensor is ` +
          `${this.#maxBytes} bytes; use a smaller batch or a narrower model`,
      );
    }
    const size = Math.min(sizeClass(bytes), Math.max(this.#maxBytes, 256));
    const block = this.#take(size, lasting);
    // Whoever still has the last owner's storage sees that it is not live.
    const storage = block ? this.#backing.reuse(block, label) : this.#create(size, label);
    if (this.#outer.length > 0 && !lasting) this.#private.set(storage, this.#free);
    this.#counters.bytesInUse += storage.bytes;
    this.#counters.peakBytes = Math.max(this.#counters.peakBytes, this.#counters.bytesInUse);
    const scope = lasting ? undefined : this.#scopes.at(-1);
    scope?.own(storage);
    storage.kept = scope === undefined;
    return storage;
  }

  release(storage: S): void {
    if (!storage.live) {
      throw new ReleasedError(
        `"${storage.label}" was released twice; what a scope owns, the scope releases at its end`,
      );
    }
    storage.live = false;
    this.#disown(storage);
    this.#counters.bytesInUse -= storage.bytes;
    this.#putBack(storage);
  }

  keep(storage: S): void {
    if (!storage.live) {
      throw new ReleasedError(
        `keep: "${storage.label}" was released already; keep it before its scope ends`,
      );
    }
    this.#disown(storage);
    storage.kept = true;
  }

  /**
   * From here on, what is released stays in a private pool, though free blocks are still taken from
   * the shared one. `leavePrivate` ends that; what it returns gives the private blocks back.
   */
  enterPrivate(): void {
    this.#outer.push(this.#free);
    this.#free = new Map();
  }

  leavePrivate(): () => void {
    const own = this.#free;
    const outer = this.#outer.pop();
    if (!outer) throw new Error("leavePrivate without enterPrivate");
    this.#free = outer;
    return () => {
      for (const [storage, home] of this.#private) {
        if (home === own) this.#private.delete(storage);
      }
      for (const list of own.values()) for (const storage of list) this.#putBack(storage);
      own.clear();
    };
  }

  /** Returns pooled blocks to the system. */
  trim(): void {
    for (const list of this.#free.values()) {
      for (const storage of list) {
        this.#counters.bytesReserved -= storage.bytes;
        this.#backing.destroy(storage);
      }
    }
    this.#free.clear();
  }

  #take(size: number, lasting: boolean): S | undefined {
    const own = lasting && this.#outer.length > 0 ? undefined : this.#free.get(size)?.pop();
    return own ?? this.#outer.at(-1)?.get(size)?.pop();
  }

  #create(bytes: number, label: string): S {
    const storage = this.#backing.create(this.#nextId++, bytes, label);
    this.#counters.buffersCreated++;
    this.#counters.bytesReserved += bytes;
    return storage;
  }

  /**
   * Keeps a class's free blocks by falling id, so that the lowest is taken first: a step then gets
   * the same blocks as the step before, in whatever order they came back.
   */
  #putBack(storage: S): void {
    const free = this.#private.get(storage) ?? this.#free;
    this.#private.delete(storage);
    const list = free.get(storage.bytes) ?? [];
    let low = 0;
    for (let high = list.length; low < high; ) {
      const middle = (low + high) >> 1;
      if ((list[middle]?.id ?? 0) > storage.id) low = middle + 1;
      else high = middle;
    }
    list.splice(low, 0, storage);
    free.set(storage.bytes, list);
  }

  #disown(storage: S): void {
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
