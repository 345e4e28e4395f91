export interface WorkerStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly names: readonly string[];
  readonly thread: number;
  readonly threads: number;
  readonly control: number;
  readonly start: number;
}

export type WorkerReport =
  | { readonly kind: "ready"; readonly firstSlot: number }
  | { readonly kind: "signal"; readonly id: number }
  | { readonly kind: "failed"; readonly reason: string };

/**
 * A worker's script, for Node and the browser alike. It is text because a bundled library has no
 * file of its own to start a worker from. Once started it stays inside `work` for good.
 */
export const workerSource = `
const node = typeof process === "object" && typeof process.getBuiltinModule === "function";
const port = node ? process.getBuiltinModule("node:worker_threads").parentPort : self;
function start({ module, memory, names, thread, threads, control, start }) {
  try {
    const signal = (id) => port.postMessage({ kind: "signal", id });
    const { exports } = new WebAssembly.Instance(module, { env: { memory, signal } });
    const firstSlot = exports.table.grow(names.length);
    names.forEach((name, i) => exports.table.set(firstSlot + i, exports[name]));
    port.postMessage({ kind: "ready", firstSlot });
    exports.work(thread, threads, control, start);
  } catch (error) {
    port.postMessage({ kind: "failed", reason: String(error) });
  }
}
if (node) port.once("message", start);
else port.onmessage = (event) => start(event.data);
`;
