import type { Recording } from "../device.js";
import { ReleasedError } from "../errors.js";
import type { Command } from "./stream.js";

/** What a recording needs of its device. */
export interface RecordingHost {
  /** Enqueues the commands, which name no blocks of memory but these. */
  replay(commands: readonly Command[], blocks: readonly number[]): void;
  compile(
    commands: readonly Command[],
    onProgress?: (done: number, all: number) => void,
  ): Promise<void>;
  giveMemoryBack(): void;
}

/** Commands ready to encode: a replay has no shapes, no look-up and no allocation. */
export class GpuRecording implements Recording {
  readonly #host: RecordingHost;
  readonly #blocks: readonly number[];
  #commands: readonly Command[];
  #released = false;

  constructor(host: RecordingHost, commands: readonly Command[]) {
    this.#host = host;
    this.#commands = commands;
    this.#blocks = [...new Set(commands.flatMap(({ blocks }) => blocks))];
  }

  ready(onProgress?: (done: number, all: number) => void): Promise<void> {
    this.#checkLive();
    return this.#host.compile(this.#commands, onProgress);
  }

  replay(): void {
    this.#checkLive();
    this.#host.replay(this.#commands, this.#blocks);
  }

  release(): void {
    if (this.#released) throw new ReleasedError("a recording was released twice");
    this.#released = true;
    this.#commands = [];
    this.#host.giveMemoryBack();
  }

  #checkLive(): void {
    if (this.#released) throw new ReleasedError("a recording was replayed after its release");
  }
}
