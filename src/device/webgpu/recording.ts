import type { CaptureLog } from "../capture-log.js";
import type { Recording } from "../device.js";
import { ReleasedError } from "../errors.js";
import type { RecordedMemory } from "../pool.js";
import type { GpuBlock } from "./memory.js";
import type { Command } from "./stream.js";

/** What a recording needs of its device. */
export interface RecordingHost {
  /** Enqueues the commands, which name no blocks but these. */
  replay(log: CaptureLog, commands: readonly Command[], blocks: readonly GpuBlock[]): void;
  /** Compiles the commands' kernels, after getting those blocks that the GPU had no room for. */
  prepare(
    commands: readonly Command[],
    temporaries: readonly GpuBlock[],
    onProgress?: (done: number, all: number) => void,
  ): Promise<void>;
}

/** Commands ready to encode: a replay has no shapes, no look-up and no allocation. */
export class GpuRecording implements Recording {
  readonly #host: RecordingHost;
  readonly #log: CaptureLog;
  readonly #memory: RecordedMemory<GpuBlock>;
  readonly #blocks: readonly GpuBlock[];
  #commands: readonly Command[];
  #released = false;

  constructor(
    host: RecordingHost,
    recorded: { commands: readonly Command[]; log: CaptureLog; memory: RecordedMemory<GpuBlock> },
  ) {
    const { commands, log, memory } = recorded;
    this.#host = host;
    this.#log = log;
    this.#commands = commands;
    this.#memory = memory;
    this.#blocks = [...new Set(commands.flatMap(({ bound }) => bound.blocks))];
  }

  ready(onProgress?: (done: number, all: number) => void): Promise<void> {
    this.#checkLive();
    return this.#host.prepare(this.#commands, this.#memory.temporaries, onProgress);
  }

  replay(): void {
    this.#checkLive();
    this.#host.replay(this.#log, this.#commands, this.#blocks);
  }

  release(): void {
    if (this.#released) throw new ReleasedError("a recording was released twice");
    this.#released = true;
    this.#commands = [];
    this.#memory.release();
  }

  #checkLive(): void {
    if (this.#released) throw new ReleasedError("a recording was replayed after its release");
  }
}
