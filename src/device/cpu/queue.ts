import { type DeviceError, LimitError } from "../errors.js";
import type { Blocks } from "./blocks.js";
import { CommandList, chunkBytes, op } from "./commands.js";
import type { Executor } from "./executor.js";
import type { LinearMemory } from "./memory.js";

interface Waiting {
  resolve(): void;
  reject(error: DeviceError): void;
}

/** Commands that are published together when nothing else asks for it. */
const publishEvery = 64;

/**
 * The host's end of the command list: appends, publishes, and hears by signal what is done. The
 * list is a chain of chunks, so it is never full and the host never waits to append.
 */
export class Queue {
  readonly list: CommandList;
  readonly #memory: LinearMemory;
  readonly #blocks: Blocks;
  readonly #spentChunks: { chunk: number; fence: number }[] = [];
  readonly #waiting = new Map<number, Waiting>();
  #executor: Executor | null = null;
  #failure: DeviceError | null = null;
  #lastFence = 0;
  #lastSignal = 0;
  #unpublished = 0;
  /** How often commands were handed to the executor. */
  submits = 0;
  /** Called when host memory is wanted and nothing fits: frees what it can. */
  onFull: () => void = () => {};

  constructor(memory: LinearMemory, blocks: Blocks) {
    this.#memory = memory;
    this.#blocks = blocks;
    this.list = this.newList((chunk) => this.recycle(chunk));
  }

  attach(executor: Executor): void {
    this.#executor = executor;
  }

  get failure(): DeviceError | null {
    return this.#failure;
  }

  /** The fence that follows everything appended so far. */
  get nextFence(): number {
    return this.#unpublished > 0 ? this.#lastFence + 1 : this.#lastFence;
  }

  newList(left: (chunk: number) => void): CommandList {
    return new CommandList(this.#memory, () => this.#chunk(), left);
  }

  /** Takes a chunk back once every thread has left it: the command being appended leads out of it. */
  recycle(chunk: number): void {
    this.#spentChunks.push({ chunk, fence: this.#lastFence + 1 });
  }

  append(code: number, params: readonly number[]): void {
    if (this.#failure) return;
    this.list.append(code, params);
    if (++this.#unpublished >= publishEvery) this.flush();
  }

  flush(): void {
    if (this.#unpublished > 0) this.#publish(0);
  }

  /** Resolves when everything appended so far is done. */
  done(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure) {
        reject(this.#failure);
        return;
      }
      this.#lastSignal = (this.#lastSignal % 0x7fffffff) + 1;
      this.#waiting.set(this.#lastSignal, { resolve, reject });
      if (this.#waiting.size === 1) this.#executor?.keepAlive(true);
      this.#publish(this.#lastSignal);
    });
  }

  signalled(id: number): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#executor?.keepAlive(false);
    waiting?.resolve();
  }

  fail(error: DeviceError): void {
    if (this.#failure) return;
    this.#failure = error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  /** Memory that the host may write at once, because no command still touches it. */
  hostBlock(bytes: number, what: string): number {
    const address = this.#allocate(bytes);
    if (address !== null) return address;
    // What the commands so far still touch is free soon, if not at once.
    this.flush();
    return this.#allocateAtLast(bytes, what);
  }

  #allocate(bytes: number): number | null {
    const done = this.#executor?.done() ?? 0;
    return this.#blocks.allocate(bytes, (fence) => fence <= done);
  }

  #allocateAtLast(bytes: number, what: string): number {
    this.onFull();
    const address = this.#allocate(bytes);
    if (address === null) {
      throw new LimitError(
        `${what} needs ${bytes} bytes, but the CPU device's ${this.#memory.maxBytes} bytes are ` +
          "in use; await device.finish() more often or use smaller tensors",
      );
    }
    return address;
  }

  /** Gives a host block back; commands appended so far may still use it. */
  freeHostBlock(address: number, bytes: number): void {
    this.#blocks.free(address, bytes, this.nextFence);
  }

  #publish(signal: number): void {
    this.list.append(op.fence, [++this.#lastFence, signal]);
    this.#unpublished = 0;
    this.submits++;
    this.#executor?.publish(this.list.end);
  }

  #chunk(): number {
    const oldest = this.#spentChunks[0];
    if (oldest && oldest.fence <= (this.#executor?.done() ?? 0)) {
      this.#spentChunks.shift();
      return oldest.chunk;
    }
    return this.#allocate(chunkBytes) ?? this.#allocateAtLast(chunkBytes, "the command list");
  }
}
