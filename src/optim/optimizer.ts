import type { Device } from "../device/device.js";
import type { Slice, Storage } from "../device/storage.js";
import type { Module } from "../nn/module.js";
import { placementOf } from "../nn/place.js";
import { tensor } from "../tensor/create.js";
import type { Tensor } from "../tensor/tensor.js";
import type { LossScaler } from "./loss-scaler.js";
import type { Setting } from "./schedules.js";

/**
 * What a training loop asks of an optimizer. All that changes from step to step is data on the
 * device: the rate is written there by `set`, steps are counted there by `step`, which enqueues
 * kernels and nothing else. So a step can be recorded (`Device.capture`), and every replay takes
 * the rate last set and counts on, bit for bit as if it were called.
 */
export interface Optimizer {
  /** The learning rate of the next step. */
  readonly lr: number;
  /** Changes what a schedule may change, for the steps that follow. Not inside `capture`. */
  set(changes: Partial<Setting>): void;
  /**
   * One update from the gradients that `backward` left, which it takes: they can be read until the
   * next backward pass, but not stepped with again. A parameter without a gradient stays as it is,
   * and so does its state. With the scaler that scaled the loss, the gradients are unscaled first, and
   * if one of them is not finite the step is skipped: parameters and state stay as they are.
   *
   * @throws GradientError when none of the parameters has a gradient that no step took
   */
  step(scaler?: LossScaler): void;
  /** All it has gathered in its steps, to resume from. Options are not part of it. */
  save(): Promise<Float32Array>;
  /**
   * Restores what `save` returned, on a model of the same shape with the same parts trainable.
   *
   * @throws RangeError when the number of values is not that of `save`
   */
  load(state: Float32Array): void;
  /** Gives its memory back. A second call throws ReleasedError. */
  release(): void;
}

/** What an optimizer keeps on the device beside parameters and gradients. */
export class OptimizerState {
  readonly #device: Device;
  readonly #name: string;
  readonly #storages: Storage[] = [];
  readonly #saved: Slice[] = [];

  /** `name` is the optimizer's, in errors and labels. */
  constructor(model: Module, name: string) {
    this.#device = placementOf(model).device;
    this.#name = name;
  }

  /** Values for the host to write, all zero at first. */
  hyperparameters(count: number): Tensor {
    const values = tensor(this.#device, new Float32Array(count)).keep();
    this.#storages.push(values.slice.storage);
    return values;
  }

  /** Values for kernels to write, all zero at first, and part of what is saved. */
  zeros(length: number, label: string): Slice {
    const slice = this.memory(length, label);
    this.#device.run("fill", { dst: slice, value: 0 });
    this.#saved.push(slice);
    return slice;
  }

  /** Memory of undefined content, which is not part of what is saved. */
  memory(length: number, label: string): Slice {
    const storage = this.#device.allocate(length * 4, `${this.#name}'s ${label}`, true);
    this.#storages.push(storage);
    return { storage, offset: 0, length };
  }

  /** What `zeros` made, in that order. */
  async save(): Promise<Float32Array> {
    const parts = await Promise.all(this.#saved.map((slice) => this.#device.read(slice)));
    const all = new Float32Array(this.length);
    let at = 0;
    for (const part of parts) {
      const values = new Float32Array(part);
      all.set(values, at);
      at += values.length;
    }
    return all;
  }

  load(state: Float32Array): void {
    if (state.length !== this.length) {
      throw new RangeError(
        `${this.#name}: the saved state has ${state.length} values, ${this.length} expected; ` +
          "load what the same optimizer saved, with the same parts of the model trainable",
      );
    }
    let at = 0;
    for (const slice of this.#saved) {
      this.#device.write(slice, state.subarray(at, at + slice.length));
      at += slice.length;
    }
  }

  release(): void {
    for (const storage of this.#storages) this.#device.release(storage);
  }

  /** How many values are saved. */
  get length(): number {
    return this.#saved.reduce((n, { length }) => n + length, 0);
  }
}
