import type { Slice } from "../device/storage.js";
import type { Module } from "../nn/module.js";
import { placementOf } from "../nn/place.js";
import type { Tensor } from "../tensor/tensor.js";
import { OptimizerState, type Range, trainableRanges } from "./optimizer.js";

export interface AdamOptions {
  lr?: number;
  betas?: readonly [number, number];
  eps?: number;
  weightDecay?: number;
  /** Decay the weights apart from the gradient (AdamW, Loshchilov and Hutter 2019). */
  decoupled?: boolean;
}

/** Adam (Kingma and Ba 2015, algorithm 1) with PyTorch's defaults, over what is trainable now. */
export class Adam {
  readonly #model: Module;
  readonly #state: OptimizerState;
  readonly #hyper: Tensor;
  readonly #ranges: readonly (Range & { m: Slice; v: Slice })[];
  readonly #options: Required<AdamOptions>;
  #steps = 0;

  constructor(model: Module, options: AdamOptions = {}) {
    const defaults = { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 } as const;
    this.#options = { ...defaults, decoupled: false, ...options };
    this.#model = model;
    this.#state = new OptimizerState(model);
    this.#hyper = this.#state.hyperparameters(8);
    this.#ranges = trainableRanges(model).map((range) => ({
      ...range,
      m: this.#state.zerosLike(range, "Adam's first moment"),
      v: this.#state.zerosLike(range, "Adam's second moment"),
    }));
    if (this.#ranges.length === 0) throw new RangeError("Adam: the model has nothing trainable");
  }

  get lr(): number {
    return this.#options.lr;
  }

  /** Changes the learning rate for the steps that follow. */
  set(changes: { lr: number }): void {
    this.#options.lr = changes.lr;
  }

  /** One update from the gradients that `backward` left. */
  step(): void {
    const { lr, betas, eps, weightDecay, decoupled } = this.#options;
    this.#steps++;
    const [b1, b2] = betas;
    this.#hyper.write([
      lr,
      b1,
      b2,
      eps,
      weightDecay,
      1 - b1 ** this.#steps,
      1 - b2 ** this.#steps,
      decoupled ? 1 : 0,
    ]);
    const { device } = placementOf(this.#model);
    for (const { params, grads, m, v } of this.#ranges) {
      device.run("adam", { params, grads, m, v, hyper: this.#hyper.slice });
    }
  }

  release(): void {
    this.#state.release();
  }
}
