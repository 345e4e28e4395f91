import type { Recording } from "../device.js";
import { ReleasedError } from "../errors.js";
import { type CommandList, op } from "./commands.js";
import type { Queue } from "./queue.js";

/** A command list of its own that the queue calls like a subroutine. */
export class CpuRecording implements Recording {
  readonly list: CommandList;
  /** Kernel commands recorded. */
  commands = 0;
  readonly #queue: Queue;
  readonly #onReplay: (commands: number) => void;
  readonly #chunks: number[] = [];
  readonly #staged: { address: number; bytes: number }[] = [];
  #returnMemory: (() => void) | null = null;
  #released = false;

  constructor(queue: Queue, onReplay: (commands: number) => void) {
    this.#queue = queue;
    this.#onReplay = onReplay;
    this.list = queue.newList((chunk) => this.#chunks.push(chunk));
  }

  /** Keeps data that a recorded write copies from. */
  hold(address: number, bytes: number): void {
    this.#staged.push({ address, bytes });
  }

  /** `returnMemory` gives the tensors' private memory back when the recording is released. */
  close(returnMemory: () => void): void {
    this.#returnMemory = returnMemory;
    this.list.append(op.return, []);
    this.#chunks.push(this.list.chunk);
  }

  /** The kernels were compiled when the device was opened. */
  async ready(): Promise<void> {}

  replay(): void {
    if (this.#released) {
      throw new ReleasedError("a recording was replayed after its release; capture it again");
    }
    this.#onReplay(this.commands);
    this.#queue.append(op.call, [this.list.start]);
  }

  release(): void {
    if (this.#released) throw new ReleasedError("a recording was released twice");
    this.#released = true;
    this.#returnMemory?.();
    for (const chunk of this.#chunks) this.#queue.recycle(chunk);
    for (const { address, bytes } of this.#staged) this.#queue.freeHostBlock(address, bytes);
  }
}
