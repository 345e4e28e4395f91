import { DeviceError } from "../errors.js";
import type { TracedDispatch } from "../profile.js";
import { mapRead, usage } from "./memory.js";

/** What a pass is for, before its times are known. */
type Labels = Omit<TracedDispatch, "start" | "end">;

/** Timestamps a query set may hold: two for each dispatch. */
const maxQueries = 4096;
const bytes = maxQueries * 8;

/**
 * GPU time of every dispatch by timestamp queries: while it is enabled each has a compute pass of
 * its own, which costs time between dispatches but not inside them.
 */
export class Profiler {
  readonly #device: GPUDevice;
  #resources: { queries: GPUQuerySet; resolved: GPUBuffer } | undefined;
  #labels: Labels[] = [];
  #target: GPUBuffer | undefined;
  #collecting: Promise<{ labels: Labels[]; times: BigUint64Array }>[] = [];
  enabled = false;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  enable(on: boolean): void {
    if (on && !this.#device.features.has("timestamp-query")) {
      throw new DeviceError(
        "profiling needs WebGPU's feature timestamp-query, which this adapter does not offer: use " +
          "another adapter or driver, or start Chrome with --enable-unsafe-webgpu; a GPUDevice of " +
          'your own must be requested with requiredFeatures: ["timestamp-query"]',
      );
    }
    this.enabled = on;
  }

  /** True when the query set has no room for another dispatch. */
  get full(): boolean {
    return this.#labels.length * 2 >= maxQueries;
  }

  passFor({ name, call, index }: Labels): GPUComputePassDescriptor {
    if (!this.enabled) return {};
    this.#resources ??= {
      queries: this.#device.createQuerySet({ type: "timestamp", count: maxQueries }),
      resolved: this.#device.createBuffer({ size: bytes, usage: usage.resolve | usage.copySrc }),
    };
    const first = this.#labels.push({ name, call, index }) * 2 - 2;
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
    if (!this.#resources || !this.#labels.length) return;
    const { queries, resolved } = this.#resources;
    const target = this.#device.createBuffer({ size: bytes, usage: usage.mapRead | usage.copyDst });
    encoder.resolveQuerySet(queries, 0, this.#labels.length * 2, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, target, 0, bytes);
    this.#target = target;
  }

  /** After a submit: takes the timestamps when they have come back. */
  collect(): void {
    const target = this.#target;
    if (!target) return;
    const labels = this.#labels;
    this.#labels = [];
    this.#target = undefined;
    const collected = target.mapAsync(mapRead).then(() => {
      const times = new BigUint64Array(target.getMappedRange().slice(0, labels.length * 16));
      target.destroy();
      return { labels, times };
    });
    collected.catch(() => {}); // thrown by the next report, not as an unhandled rejection
    this.#collecting.push(collected);
  }

  /** Every dispatch since the last report, in queue order. */
  async report(): Promise<TracedDispatch[]> {
    const batches = await Promise.all(this.#collecting.splice(0));
    const origin = batches.reduce<bigint | undefined>(
      (least, { times }) => times.reduce((a, b) => (b < a ? b : a), least ?? times[0] ?? 0n),
      undefined,
    );
    const ms = (time: bigint | undefined): number => Number((time ?? 0n) - (origin ?? 0n)) / 1e6;
    return batches.flatMap(({ labels, times }) =>
      labels.map((label, i) => {
        const start = ms(times[2 * i]);
        return { ...label, start, end: Math.max(start, ms(times[2 * i + 1])) };
      }),
    );
  }

  destroy(): void {
    this.#resources?.queries.destroy();
    this.#resources?.resolved.destroy();
    this.#resources = undefined;
  }
}
