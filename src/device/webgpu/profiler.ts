import { DeviceError } from "../errors.js";
import { mapRead, usage } from "./memory.js";

export interface KernelTime {
  readonly kernel: string;
  readonly calls: number;
  readonly ms: number;
}

/** Timestamps a query set may hold: two for each dispatch. */
const maxQueries = 4096;
const bytes = maxQueries * 8;

/**
 * GPU time per kernel by timestamp queries: while it is enabled every dispatch has a compute pass of
 * its own, which costs time between dispatches but not inside them.
 */
export class Profiler {
  readonly #device: GPUDevice;
  #resources: { queries: GPUQuerySet; resolved: GPUBuffer } | undefined;
  #names: string[] = [];
  #collecting: Promise<void>[] = [];
  #totals = new Map<string, { calls: number; ms: number }>();
  #target: GPUBuffer | undefined;
  enabled = false;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  enable(on: boolean): void {
    if (on && !this.#device.features.has("timestamp-query")) {
      throw new DeviceError(
        "profiling needs WebGPU's timestamp-query feature, which this adapter or browser does " +
          "not offer (in Chrome: --enable-dawn-features=allow_unsafe_apis)",
      );
    }
    this.enabled = on;
  }

  /** True when the query set has no room for another dispatch. */
  get full(): boolean {
    return this.#names.length * 2 >= maxQueries;
  }

  passFor(name: string): GPUComputePassDescriptor {
    if (!this.enabled) return {};
    this.#resources ??= {
      queries: this.#device.createQuerySet({ type: "timestamp", count: maxQueries }),
      resolved: this.#device.createBuffer({ size: bytes, usage: usage.resolve | usage.copySrc }),
    };
    const first = this.#names.push(name) * 2 - 2;
    return {
      timestampWrites: {
        querySet: this.#resources.queries,
        beginningOfPassWriteIndex: first,
        endOfPassWriteIndex: first + 1,
      },
    };
  }

  /** Before a submit: copies the timestamps of its passes out. */
  resolve(encoder: GPUCommandEncoder): void {
    if (!this.#resources || !this.#names.length) return;
    const { queries, resolved } = this.#resources;
    const target = this.#device.createBuffer({ size: bytes, usage: usage.mapRead | usage.copyDst });
    encoder.resolveQuerySet(queries, 0, this.#names.length * 2, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, target, 0, bytes);
    this.#target = target;
  }

  /** After a submit: adds the times up when they have come back. */
  collect(): void {
    const target = this.#target;
    if (!target) return;
    const names = this.#names;
    this.#names = [];
    this.#target = undefined;
    const collected = target.mapAsync(mapRead).then(() => {
      const times = new BigUint64Array(target.getMappedRange());
      for (const [i, name] of names.entries()) {
        const ns = Number((times[2 * i + 1] ?? 0n) - (times[2 * i] ?? 0n));
        const total = this.#totals.get(name) ?? { calls: 0, ms: 0 };
        this.#totals.set(name, { calls: total.calls + 1, ms: total.ms + ns / 1e6 });
      }
      target.destroy();
    });
    collected.catch(() => {}); // thrown by the next report, not as an unhandled rejection
    this.#collecting.push(collected);
  }

  /** Time per kernel since the last report, the most expensive first. */
  async report(): Promise<KernelTime[]> {
    await Promise.all(this.#collecting.splice(0));
    const rows = [...this.#totals].map(([kernel, { calls, ms }]) => ({ kernel, calls, ms }));
    this.#totals = new Map();
    return rows.sort((a, b) => b.ms - a.ms);
  }

  destroy(): void {
    this.#resources?.queries.destroy();
    this.#resources?.resolved.destroy();
    this.#resources = undefined;
  }
}
