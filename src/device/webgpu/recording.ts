import type { Recording } from "../device.js";
import { ReleasedError } from "../errors.js";
import type { Storage } from "../storage.js";
import type { Command } from "./stream.js";

/** What a recording needs of its device. */
export interface RecordingHost {
  /** Enqueues the commands, which name no storages but these. */
  replay(commands: readonly Command[], storages: readonly Storage[]): void;
  compile(
    commands: readonly Command[],
    onProgress?: (done: number, all: number) => void,
  ): Promise<void>;
  giveMemoryBack(): void;
}

/** Commands ready to encode: a replay has no shapes, no look-up and no allocation. */
export class GpuRecording implements Recording {
  readonly #host: RecordingHost;
  readonly #storages: readonly Storage[];
  #commands: readonly Command[];
  #released = false;

  constructor(host: RecordingHost, commands: readonly Command[]) {
    this.#host = host;
    this.#commands = commands;
    this.#storages = [...new Set(commands.flatMap(({ storages }) => storages))];
  }

  ready(onProgress?: (done: number, all: number) => void): Promise<void> {
    this.#checkLive();
    return this.#host.compile(this.#commands, onProgress);
  }

  replay(): void {
    this.#checkLive();
    this.#host.replay(this.#commands, this.#storages);
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#commands = [];
    this.#host.giveMemoryBack();
  }

  #checkLive(): void {
    if (this.#released) throw new ReleasedError("a recording was replayed after its release");
  }
}
