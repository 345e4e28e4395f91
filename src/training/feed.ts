import type { Tensor } from "../tensor/tensor.js";

/** Which step it is; what differs from step to step follows from this alone. */
export interface Moment {
  readonly seed: number;
  readonly epoch: number;
  /** Within the epoch. */
  readonly step: number;
}

/** Device memory that batches of one size are written to, step after step. */
export interface Feed<Host, Batch> {
  /** Hands a batch to the device. */
  write(batch: Host, at: Moment): void;
  /** The ops from that memory to what a step works on. Recorded, so they run in every step. */
  batch(): Batch;
  release(): void;
}

/** Examples cut into batches: what `fit` asks of any data. */
export interface Batches<Host, Batch> {
  /** Batches in an epoch. */
  readonly length: number;
  epoch(epoch: number): AsyncIterable<Host & { readonly count: number }>;
  /** @param count examples in a batch */
  feed(count: number): Feed<Host, Batch>;
}

/** A batch of images on the device. */
export interface ImageBatch {
  /** [n, height, width, 4], normalised and augmented; f16 in mixed precision. */
  readonly images: Tensor;
  /** u32 [n]. */
  readonly labels: Tensor;
}
