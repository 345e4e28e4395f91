/** 64 KiB, the unit in which WebAssembly memory grows. */
export const pageBytes = 65536;
/** One page below 4 GiB: kernels may load a vector past a tensor's end. */
export const largestPages = 65535;

/** The kernels' linear memory: created small, grown on demand, addressed as unsigned 32 bits. */
export class LinearMemory {
  readonly memory: WebAssembly.Memory;
  readonly maxBytes: number;
  #words: Uint32Array;

  constructor(shared: boolean, maxBytes: number) {
    const { memory, pages } = createMemory(shared, Math.floor(maxBytes / pageBytes));
    this.memory = memory;
    this.maxBytes = pages * pageBytes;
    this.#words = new Uint32Array(memory.buffer);
  }

  get bytes(): number {
    return this.memory.buffer.byteLength;
  }

  /** The whole memory as words. Do not hold on to it: growth may replace it. */
  get words(): Uint32Array {
    if (this.#words.buffer !== this.memory.buffer)
      this.#words = new Uint32Array(this.memory.buffer);
    return this.#words;
  }

  view(address: number, bytes: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, address, bytes);
  }

  /** Makes sure that addresses below `end` exist; false when the system refuses. */
  reserve(end: number): boolean {
    if (end <= this.bytes) return true;
    if (end > this.maxBytes) return false;
    // Ahead of need by an eighth, so that a growing model does not grow memory tensor by tensor.
    const ample = Math.min(this.maxBytes, end + Math.max(this.bytes / 8, 4 << 20));
    return this.#grow(ample) || this.#grow(end);
  }

  #grow(end: number): boolean {
    try {
      this.memory.grow(Math.ceil(end / pageBytes) - this.bytes / pageBytes);
      return true;
    } catch {
      return false;
    }
  }
}

/** Shared memory reserves its maximum as address space, which small systems may refuse. */
function createMemory(
  shared: boolean,
  maximum: number,
): { memory: WebAssembly.Memory; pages: number } {
  const initial = Math.min(64, maximum);
  for (let pages = maximum; ; pages = Math.floor(pages / 2)) {
    try {
      return { memory: new WebAssembly.Memory({ initial, maximum: pages, shared }), pages };
    } catch (error) {
      if (pages / 2 < initial) throw error;
    }
  }
}
