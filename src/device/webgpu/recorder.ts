import { CaptureLog } from "../capture-log.js";
import type { Recording } from "../device.js";
import { DeviceError } from "../errors.js";
import type { Pool, RecordedMemory } from "../pool.js";
import { synchronous } from "../synchronous.js";
import { type Faults, toDeviceError } from "./faults.js";
import type { GpuBlock } from "./memory.js";
import { GpuRecording, type RecordingHost } from "./recording.js";
import type { Command } from "./stream.js";

/** Takes the commands of a captured body instead of the stream. */
export class Recorder {
  readonly #pool: Pool<GpuBlock>;
  readonly #faults: Faults;
  readonly #host: RecordingHost;
  #commands: Command[] | undefined;
  #log: CaptureLog | undefined;

  constructor(pool: Pool<GpuBlock>, faults: Faults, host: RecordingHost) {
    this.#pool = pool;
    this.#faults = faults;
    this.#host = host;
  }

  /** What is being recorded. */
  get log(): CaptureLog | undefined {
    return this.#log;
  }

  /** Takes a command, if one is being recorded. */
  takes(command: Command): boolean {
    return this.#commands !== undefined && this.#commands.push(command) > 0;
  }

  capture(body: () => void): Recording {
    this.refuse("capture");
    const commands: Command[] = [];
    const log = new CaptureLog();
    this.#commands = commands;
    this.#log = log;
    let memory: RecordedMemory<GpuBlock> | undefined;
    // Bind groups on a block that the GPU had no room for are refused, and made anew by `ready`.
    const note = (error: GPUError): void => {
      if (memory?.temporaries.some(({ refused }) => refused)) return;
      this.#faults.add(toDeviceError(error));
    };
    try {
      const capture = () => this.#pool.capture(() => synchronous("capture", body()));
      memory = this.#faults.watch("validation", capture, note);
      return new GpuRecording(this.#host, { commands, log, memory });
    } finally {
      this.#commands = undefined;
      this.#log = undefined;
      log.end(memory?.outer);
    }
  }

  /** Throws DeviceError while something is being recorded. */
  refuse(what: string): void {
    if (!this.#log) return;
    throw new DeviceError(`${what} inside capture: only run and write can be recorded`);
  }
}
