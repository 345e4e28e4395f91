import { ReleasedError } from "./errors.js";
import type { Memory } from "./idle-blocks.js";
import type { Storage } from "./storage.js";
import type { WriteLog } from "./write-log.js";

/** A storage on a block of memory, which it has from its allocation to its release. */
export class PooledStorage<M extends Memory> implements Storage {
  live = true;
  kept = false;
  writes: WriteLog | undefined;
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
