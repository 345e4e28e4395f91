import type { LinearMemory } from "./memory.js";

/** The control ops of the run loop; assembly/runtime.ts says what each does. */
export const op = {
  jump: 0xffff0001,
  call: 0xffff0002,
  return: 0xffff0003,
  fence: 0xffff0004,
} as const;

export const chunkBytes = 65536;
const jumpBytes = 12;

/**
 * A list of commands [op, bytes, params...] in linear memory, in chunks that end with a jump to the
 * next. Whoever walks it may follow while it is still being written.
 */
export class CommandList {
  readonly #memory: LinearMemory;
  readonly #newChunk: () => number;
  readonly #left: (chunk: number) => void;
  #chunk: number;
  #at: number;
  readonly start: number;

  /** `newChunk` gives chunkBytes bytes; `left` hears of a chunk that only past commands lie in. */
  constructor(memory: LinearMemory, newChunk: () => number, left: (chunk: number) => void) {
    this.#memory = memory;
    this.#newChunk = newChunk;
    this.#left = left;
    this.#chunk = newChunk();
    this.#at = this.#chunk;
    this.start = this.#chunk;
  }

  /** The chunk that is being written. */
  get chunk(): number {
    return this.#chunk;
  }

  /** The address behind the last command. */
  get end(): number {
    return this.#at;
  }

  append(code: number, params: readonly number[]): void {
    const bytes = 8 + 4 * params.length;
    if (this.#at + bytes + jumpBytes > this.#chunk + chunkBytes) this.#next();
    const { words } = this.#memory;
    let word = this.#at >>> 2;
    words[word++] = code;
    words[word++] = bytes;
    for (const value of params) words[word++] = value;
    this.#at += bytes;
  }

  #next(): void {
    const next = this.#newChunk();
    const { words } = this.#memory;
    const word = this.#at >>> 2;
    words[word] = op.jump;
    words[word + 1] = jumpBytes;
    words[word + 2] = next;
    this.#left(this.#chunk);
    this.#chunk = next;
    this.#at = next;
  }
}
