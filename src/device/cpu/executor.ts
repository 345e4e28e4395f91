import { DeviceError, DeviceUnavailableError } from "../errors.js";
import { fillTable, kernelNames, type RuntimeExports } from "./builds.js";
import type { LinearMemory } from "./memory.js";
import type { Platform, WorkerHandle } from "./platform.js";
import { type WorkerReport, type WorkerStart, workerSource } from "./worker.js";

/** Byte offsets of the control words that the host reads or writes; see assembly/runtime.ts. */
export const control = { tail: 0, idle: 64, done: 128, current: 192 } as const;
export const controlBytes = (threads: number): number => 512 + 8192 * threads;

export interface ExecutorEvents {
  signal(id: number): void;
  failed(reason: string): void;
}

/** Runs the command list: a team of workers, or the calling thread. */
export interface Executor {
  readonly threads: number;
  /** The function table's slot of the first kernel of `kernelNames`. */
  readonly firstSlot: number;
  /** Lets the commands up to `tail` run. */
  publish(tail: number): void;
  /** The last fence that was passed. */
  done(): number;
  /** The function table's slot of the command that ran last. */
  current(): number;
  /** While set, the process stays alive. */
  keepAlive(on: boolean): void;
  destroy(): Promise<void>;
}

interface Setup {
  readonly module: WebAssembly.Module;
  readonly memory: LinearMemory;
  readonly control: number;
  readonly start: number;
  readonly platform: Platform;
  readonly events: ExecutorEvents;
}

/** Starts `threads` workers and waits until each is ready; rejects where the page forbids workers. */
export async function startTeam(setup: Setup, threads: number): Promise<Executor> {
  const { module, memory, platform, events } = setup;
  const words = new Int32Array(memory.memory.buffer, setup.control, 128);
  // An empty list: its end is where it starts.
  Atomics.store(words, control.tail >> 2, setup.start);
  const workers: WorkerHandle[] = [];
  let firstSlot = 0;
  let ready = false;
  let ended = false;
  const terminate = async (): Promise<void> => {
    ended = true;
    await Promise.all(workers.map((worker) => worker.terminate()));
  };
  const started = Array.from({ length: threads }, (_, thread) => {
    return new Promise<void>((resolve, reject) => {
      const fail = (reason: string): void => {
        if (ended) return;
        if (ready) events.failed(reason);
        else reject(new DeviceUnavailableError(`CPU worker ${thread} did not start: ${reason}`));
      };
      const worker = platform.startWorker(workerSource, {
        message(data) {
          const report = data as WorkerReport;
          if (report.kind === "signal") events.signal(report.id);
          else if (report.kind === "failed") fail(report.reason);
          else {
            firstSlot = report.firstSlot;
            resolve();
          }
        },
        error: fail,
      });
      workers.push(worker);
      const start: WorkerStart = {
        ...{ module, memory: memory.memory, names: kernelNames(module), thread, threads },
        ...{ control: setup.control, start: setup.start },
      };
      worker.post(start);
    });
  });
  try {
    await Promise.all(started);
  } catch (error) {
    await terminate();
    throw error;
  }
  ready = true;
  for (const worker of workers) worker.unref();
  return {
    threads,
    firstSlot,
    publish(tail) {
      Atomics.store(words, control.tail >> 2, tail | 0);
      if (Atomics.load(words, control.idle >> 2) > 0) Atomics.notify(words, control.tail >> 2);
    },
    done: () => Atomics.load(words, control.done >> 2) >>> 0,
    current: () => Atomics.load(words, control.current >> 2),
    keepAlive(on) {
      if (on) workers[0]?.ref();
      else workers[0]?.unref();
    },
    destroy: terminate,
  };
}

/** How long the calling thread runs commands before the page or the event loop has a turn. */
const sliceMs = 8;

/** Runs commands on the calling thread, in slices. */
export async function startLocal(setup: Setup): Promise<Executor> {
  const { memory, platform, events } = setup;
  const instance = await WebAssembly.instantiate(setup.module, {
    env: { memory: memory.memory, signal: (id: number) => events.signal(id) },
  });
  const firstSlot = fillTable(instance, kernelNames(setup.module));
  const { once } = instance.exports as unknown as RuntimeExports;
  let at = setup.start;
  let tail = setup.start;
  let running = false;
  let ended = false;
  const drain = async (): Promise<void> => {
    running = true;
    while (at !== tail && !ended) {
      await platform.nextTask();
      const until = performance.now() + sliceMs;
      try {
        while (at !== tail && !ended && performance.now() < until) {
          at = once(setup.control, at) >>> 0;
        }
      } catch (error) {
        ended = true;
        events.failed(String(error));
      }
    }
    running = false;
  };
  return {
    threads: 1,
    firstSlot,
    publish(address) {
      tail = address;
      if (!running) void drain();
    },
    done: () => memory.words[(setup.control + control.done) >>> 2] ?? 0,
    current: () => memory.words[(setup.control + control.current) >>> 2] ?? 0,
    keepAlive() {},
    async destroy() {
      ended = true;
    },
  };
}

/** The error for a kernel that trapped or a worker that ended. */
export const crash = (reason: string, kernel: string): DeviceError =>
  new DeviceError(
    `the CPU device stopped at kernel ${kernel}: ${reason}; its tensors are lost, open a new device`,
  );
