export interface WorkerHandle {
  post(message: unknown): void;
  /** Keeps the process alive (Node only) while something awaits this worker. */
  ref(): void;
  unref(): void;
  terminate(): Promise<void>;
}

/** What the calling thread hears of a worker. `error` also when it ends, for whatever reason. */
export interface WorkerEvents {
  message(data: unknown): void;
  error(reason: string): void;
}

/** Where Node and the browser differ. */
export interface Platform {
  readonly processor: string;
  /** Threads that can run at once. */
  readonly parallelism: number;
  /** Whether memory can be shared with workers: always in Node, in isolated pages only. */
  readonly sharedMemory: boolean;
  startWorker(source: string, events: WorkerEvents): WorkerHandle;
  /** Switches relaxed SIMD on where it hides behind an engine flag. */
  enableRelaxedSimd(): void;
  /** Resolves after pending input, timers and rendering had their turn. */
  nextTask(): Promise<void>;
}

export function currentPlatform(): Platform {
  const isNode = typeof process === "object" && typeof process.getBuiltinModule === "function";
  return isNode ? nodePlatform() : browserPlatform();
}

function nodePlatform(): Platform {
  // Not imports, so that a browser bundle of this file has nothing to resolve.
  const os = process.getBuiltinModule("node:os");
  const v8 = process.getBuiltinModule("node:v8");
  const { Worker } = process.getBuiltinModule("node:worker_threads");
  return {
    processor: os.cpus()[0]?.model ?? "processor",
    parallelism: os.availableParallelism(),
    sharedMemory: true,
    startWorker(source, events) {
      const worker = new Worker(source, { eval: true, execArgv: [] });
      worker.on("message", events.message);
      worker.on("error", (error) => events.error(error.message));
      worker.on("exit", (code) => events.error(`it exited with code ${code}`));
      return {
        post: (message) => worker.postMessage(message),
        ref: () => worker.ref(),
        unref: () => worker.unref(),
        terminate: async () => {
          await worker.terminate();
        },
      };
    },
    enableRelaxedSimd() {
      const [major = 0] = process.versions.node.split(".").map(Number);
      if (major < 22) v8.setFlagsFromString("--experimental-wasm-relaxed-simd");
    },
    nextTask: () => new Promise((resolve) => setImmediate(resolve)),
  };
}

function browserPlatform(): Platform {
  const channel = new MessageChannel();
  const waiting: (() => void)[] = [];
  channel.port1.onmessage = () => waiting.shift()?.();
  return {
    processor: "browser",
    parallelism: navigator.hardwareConcurrency || 1,
    sharedMemory: globalThis.crossOriginIsolated === true && typeof Worker === "function",
    startWorker(source, events) {
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      const worker = new Worker(url);
      worker.onmessage = ({ data }) => events.message(data);
      worker.onerror = ({ message }) => events.error(message || "a worker could not start");
      return {
        post: (message) => worker.postMessage(message),
        ref() {},
        unref() {},
        async terminate() {
          worker.terminate();
          URL.revokeObjectURL(url);
        },
      };
    },
    enableRelaxedSimd() {},
    nextTask: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
        channel.port2.postMessage(null);
      }),
  };
}
