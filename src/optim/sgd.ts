import type { Slice } from "../device/storage.js";
import type { Module } from "../nn/module.js";
import { placementOf } from "../nn/place.js";
import type { Tensor } from "../tensor/tensor.js";
import type { LossScaler } from "./loss-scaler.js";
import { OptimizerState, type Range, trainableRanges } from "./optimizer.js";

export interface SgdOptions {
  lr: number;
  momentum?: number;
  /** L2 penalty added to the gradient, as PyTorch's SGD does. */
  weightDecay?: number;
  nesterov?: boolean;
}

/**
 * Stochastic gradient descent with momentum, PyTorch's rule (v := momentum v + g + decay w;
 * w -= lr v), over what is trainable when it is made. One kernel per stretch of parameters.
 */
export class SGD {
  readonly #model: Module;
  readonly #state: OptimizerState;
  readonly #hyper: Tensor;
  readonly #ranges: readonly (Range & { velocity: Slice })[];
  #options: Required<SgdOptions>;

  constructor(model: Module, options: SgdOptions) {
    this.#options = { momentum: 0, weightDecay: 0, nesterov: false, ...options };
    if (this.#options.nesterov && this.#options.momentum === 0) {
      throw new RangeError("SGD: nesterov needs a momentum above 0");
    }
    this.#model = model;
    this.#state = new OptimizerState(model);
    this.#hyper = this.#state.hyperparameters(4);
    this.#ranges = trainableRanges(model).map((range) => ({
      ...range,
      velocity: this.#state.zerosLike(range, "SGD's velocity"),
    }));
    if (this.#ranges.length === 0) throw new RangeError("SGD: the model has nothing trainable");
    this.#write();
  }

  get lr(): number {
    return this.#options.lr;
  }

  /** Changes the learning rate (and momentum) for the steps that follow. */
  set(changes: { lr?: number; momentum?: number }): void {
    const next = { ...this.#options, ...changes };
    if (next.lr === this.#options.lr && next.momentum === this.#options.momentum) return;
    this.#options = next;
    this.#write();
  }

  /**
   * One update from the gradients that `backward` left. With the scaler that scaled the loss, the
   * gradients are unscaled first, and nothing is updated if one of them is not finite.
   */
  step(scaler?: LossScaler): void {
    const { device } = placementOf(this.#model);
    for (const { grads } of this.#ranges) scaler?.unscale(grads);
    const common = { hyper: this.#hyper.slice, skip: scaler?.state ?? null };
    for (const { params, grads, velocity } of this.#ranges) {
      device.run("sgd", { params, grads, velocity, ...common });
    }
    scaler?.update();
  }

  /** The momentum buffers in one array, to resume from. */
  async save(): Promise<Float32Array> {
    const { device } = placementOf(this.#model);
    const parts: Float32Array[] = [];
    for (const { velocity } of this.#ranges) {
      parts.push(new Float32Array(await device.read(velocity)));
    }
    const all = new Float32Array(parts.reduce((n, p) => n + p.length, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }

  /** Restores what `save` returned, on a model of the same shape with the same parts trainable. */
  load(state: Float32Array): void {
    const length = this.#ranges.reduce((n, r) => n + r.velocity.length, 0);
    if (state.length !== length) {
      throw new RangeError(`SGD: the saved state has ${state.length} values, ${length} expected`);
    }
    let at = 0;
    for (const { velocity } of this.#ranges) {
      const { device } = placementOf(this.#model);
      device.write(velocity, state.subarray(at, at + velocity.length));
      at += velocity.length;
    }
  }

  release(): void {
    this.#state.release();
  }

  #write(): void {
    const { lr, momentum, weightDecay, nesterov } = this.#options;
    this.#hyper.write([lr, momentum, weightDecay, nesterov ? 1 : 0]);
  }
}
