/** Counts what is enqueued, in every device's queue: of two writes, the later has the higher time. */
let clock = 0;

/** The time of what was enqueued last. */
export const now = (): number => clock;

/** The time of what is enqueued next. */
export const tick = (): number => ++clock;

interface Write {
  /** Bytes of the storage. */
  readonly from: number;
  readonly to: number;
  at: number;
  by: object | undefined;
}

/** When the parts of one storage were last written. Parameters, say, are parts of one storage. */
export class WriteLog {
  #writes: Write[] = [];
  #next = 0;

  /** `by` is the capture whose replay it was. */
  note(from: number, to: number, at: number, by?: object): void {
    const writes = this.#writes;
    // A training step writes the same parts in the same order as the step before.
    for (let tried = 0; tried < writes.length; tried++) {
      const i = (this.#next + tried) % writes.length;
      const write = writes[i];
      if (write?.from !== from || write.to !== to) continue;
      write.at = at;
      write.by = by;
      this.#next = i + 1;
      return;
    }
    this.#writes = writes.filter((write) => write.from < from || write.to > to);
    this.#writes.push({ from, to, at, by });
    this.#next = 0;
  }

  /** Whether one of the bytes [from, to) was written after `at`, by another than `except`. */
  since(from: number, to: number, at: number, except?: object): boolean {
    return this.#writes.some(
      (write) =>
        write.at > at &&
        write.from < to &&
        from < write.to &&
        (except === undefined || write.by !== except),
    );
  }

  /** The parts with what `note` knows of them. */
  parts(): readonly Readonly<Write>[] {
    return this.#writes;
  }
}
