import type { Slice } from "../device/storage.js";
import type { Module } from "../nn/module.js";
import { placementOf } from "../nn/place.js";
import type { Tensor } from "../tensor/tensor.js";
import type { LossScaler } from "./loss-scaler.js";
import { type Optimizer, OptimizerState } from "./optimizer.js";
import type { Setting } from "./schedules.js";
import { TrainedParameters } from "./trained.js";

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
export class SGD implements Optimizer {
  readonly #model: Module;
  readonly #state: OptimizerState;
  readonly #hyper: Tensor;
  readonly #trained: TrainedParameters;
  /** Of each range of what is trained. */
  readonly #velocities: readonly Slice[];
  #options: Required<SgdOptions>;

  constructor(model: Module, options: SgdOptions) {
    this.#options = { momentum: 0, weightDecay: 0, nesterov: false, ...options };
    if (this.#options.nesterov && this.#options.momentum === 0) {
      throw new RangeError("SGD: nesterov needs a momentum above 0");
    }
    this.#trained = new TrainedParameters(model, "SGD");
    this.#model = model;
    this.#state = new OptimizerState(model, "SGD");
    this.#hyper = this.#state.hyperparameters(4);
    this.#velocities = this.#trained.ranges.map(({ params }) =>
      this.#state.zeros(params.length, "velocity"),
    );
    this.#write();
  }

  get lr(): number {
    return this.#options.lr;
  }

  /** Changes the learning rate (and momentum) for the steps that follow. */
  set(changes: Partial<Setting>): void {
    const next = { ...this.#options, ...changes };
    if (next.lr === this.#options.lr && next.momentum === this.#options.momentum) return;
    this.#options = next;
    this.#write();
  }

  step(scaler?: LossScaler): void {
    const { device } = placementOf(this.#model);
    const stretches = this.#trained.stretches(this.#trained.take());
    for (const { grads } of stretches) scaler?.unscale(grads);
    const common = { hyper: this.#hyper.slice, skip: scaler?.state ?? null };
    for (const { params, grads, range, within } of stretches) {
      const velocity = within(this.#velocities[range] as Slice);
      device.run("sgd", { params, grads, velocity, ...common });
    }
    scaler?.update();
  }

  /** The momentum buffers of what is trained. */
  save(): Promise<Float32Array> {
    return this.#state.save();
  }

  load(state: Float32Array): void {
    this.#state.load(state);
  }

  release(): void {
    this.#state.release();
  }

  #write(): void {
    const { lr, momentum, weightDecay, nesterov } = this.#options;
    this.#hyper.write([lr, momentum, weightDecay, nesterov ? 1 : 0]);
  }
}
