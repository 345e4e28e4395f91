/** A block of memory that a device got from its system. */
export interface Memory {
  readonly id: number;
  readonly bytes: number;
  /** Set while the system turns out to have nothing behind it. */
  readonly refused?: Error | null;
}

/**
 * Blocks that wait for an owner, by size. Those of a size lie by falling id, so that the lowest is
 * taken first: a step then gets the same blocks as the step before, in whatever order they came back.
 */
export class IdleBlocks<M extends Memory> {
  #bySize = new Map<number, M[]>();

  add(block: M): void {
    const list = this.#bySize.get(block.bytes) ?? [];
    list.splice(placeOf(list, block.id), 0, block);
    this.#bySize.set(block.bytes, list);
  }

  /** A block of just this size. */
  take(bytes: number): M | undefined {
    return this.#bySize.get(bytes)?.pop();
  }

  /** The smallest block of at least `bytes` bytes. */
  takeFitting(bytes: number): M | undefined {
    let best = Number.POSITIVE_INFINITY;
    for (const [size, list] of this.#bySize) {
      if (size >= bytes && size < best && list.length > 0) best = size;
    }
    return this.take(best);
  }

  /** Takes this block out; false where it is not idle. */
  remove(block: M): boolean {
    const list = this.#bySize.get(block.bytes) ?? [];
    const at = placeOf(list, block.id);
    if (list[at] !== block) return false;
    list.splice(at, 1);
    return true;
  }

  /** Takes all of them out. */
  clear(): M[] {
    const all = [...this.#bySize.values()].flat();
    this.#bySize = new Map();
    return all;
  }
}

/** Where a block with this id lies among blocks of falling id. */
function placeOf(list: readonly Memory[], id: number): number {
  let low = 0;
  for (let high = list.length; low < high; ) {
    const middle = (low + high) >> 1;
    if ((list[middle]?.id ?? 0) > id) low = middle + 1;
    else high = middle;
  }
  return low;
}
