import type { LinearMemory } from "./memory.js";

/** A free span. `fence`: until the queue has passed it, commands may still touch the span. */
interface Span {
  address: number;
  bytes: number;
  fence: number;
}

const alignment = 256;

/**
 * Hands out spans of linear memory: best fit among the free ones, else from the top. Commands use
 * memory in queue order, so a freed span may serve the next tensor at once; the host, which writes
 * ahead of the queue, only gets spans whose fence has passed.
 */
export class Blocks {
  readonly #memory: LinearMemory;
  readonly #free: Span[] = [];
  #top: number;

  constructor(memory: LinearMemory, base: number) {
    this.#memory = memory;
    this.#top = Math.ceil(base / alignment) * alignment;
  }

  /** The address of `bytes` bytes, null when nothing fits. For the host: `usable` says what it may. */
  allocate(bytes: number, usable?: (fence: number) => boolean): number | null {
    const size = Math.max(alignment, Math.ceil(bytes / alignment) * alignment);
    if (usable) {
      this.#join((a, b) => usable(a.fence) && usable(b.fence));
      return this.#bestFit(size, usable) ?? this.#extend(size, usable);
    }
    // Not all at once: what the host may use would wait with what it may not.
    this.#join((a, b) => a.fence === b.fence);
    const found = this.#bestFit(size);
    if (found !== null) return found;
    this.#join();
    return this.#bestFit(size) ?? this.#extend(size);
  }

  #bestFit(size: number, usable: (fence: number) => boolean = () => true): number | null {
    let best = -1;
    this.#free.forEach((span, i) => {
      const bestBytes = this.#free[best]?.bytes ?? Number.POSITIVE_INFINITY;
      if (span.bytes >= size && span.bytes < bestBytes && usable(span.fence)) best = i;
    });
    const span = this.#free[best];
    if (!span) return null;
    const address = span.address;
    span.address += size;
    span.bytes -= size;
    if (span.bytes === 0) this.#free.splice(best, 1);
    return address;
  }

  free(address: number, bytes: number, fence: number): void {
    const size = Math.max(alignment, Math.ceil(bytes / alignment) * alignment);
    let i = this.#free.findIndex((span) => span.address > address);
    if (i < 0) i = this.#free.length;
    this.#free.splice(i, 0, { address, bytes: size, fence });
  }

  /**
   * Joins neighbours that `together` allows. Not when they are freed: a span whose fence has passed
   * would wait again with each neighbour that comes back, and a busy queue would never find a usable
   * one.
   */
  #join(together: (a: Span, b: Span) => boolean = () => true): void {
    for (let i = this.#free.length - 2; i >= 0; i--) {
      const [a, b] = [this.#free[i], this.#free[i + 1]];
      if (!a || !b || a.address + a.bytes !== b.address) continue;
      if (!together(a, b)) continue;
      a.bytes += b.bytes;
      a.fence = Math.max(a.fence, b.fence);
      this.#free.splice(i + 1, 1);
    }
  }

  /** Takes from the top, together with a free span that ends there. */
  #extend(size: number, usable: (fence: number) => boolean = () => true): number | null {
    const last = this.#free.at(-1);
    const joins = last && last.address + last.bytes === this.#top && usable(last.fence);
    const address = joins ? last.address : this.#top;
    if (!this.#memory.reserve(address + size)) return null;
    if (joins) this.#free.pop();
    this.#top = address + size;
    return address;
  }
}
