import type { Slice } from "../device/storage.js";
import type { Module } from "../nn/module.js";
import { placementOf } from "../nn/place.js";
import type { Tensor } from "../tensor/tensor.js";
import type { LossScaler } from "./loss-scaler.js";
import { type Optimizer, OptimizerState } from "./optimizer.js";
import type { Setting } from "./schedules.js";
import { StepCounts } from "./step-counts.js";
import { TrainedParameters } from "./trained.js";

export interface AdamOptions {
  /** Default 1e-3. */
  lr?: number;
  /** Decay rates of the two moments. Default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Added to the root of the second moment. Default 1e-8. */
  eps?: number;
  /** L2 penalty added to the gradient, as PyTorch's Adam does. Default 0. */
  weightDecay?: number;
  /** Decay the weights apart from the gradient (AdamW, Loshchilov and Hutter 2019). */
  decoupled?: boolean;
}

/**
 * Adam (Kingma and Ba 2015, algorithm 1) with PyTorch's defaults, over what is trainable when it is
 * made. Steps and bias corrections 1 - beta^t are kept on the device by a kernel of one invocation,
 * so a step that a loss scaler skips is not counted, as with PyTorch's GradScaler. The corrections
 * are summed up in float32, as the moments are: for beta = 0.999 they stay within 3e-5 of 1 - beta^t,
 * which moves the step by half of that.
 */
export class Adam implements Optimizer {
  readonly #model: Module;
  readonly #state: OptimizerState;
  readonly #hyper: Tensor;
  readonly #counts: StepCounts;
  readonly #trained: TrainedParameters;
  /** Of each range of what is trained. */
  readonly #moments: readonly { m: Slice; v: Slice }[];
  readonly #options: Required<AdamOptions>;

  /** @throws RangeError unless both betas are in [0, 1), or when nothing is trainable */
  constructor(model: Module, options: AdamOptions = {}) {
    const defaults = { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 } as const;
    this.#options = { ...defaults, decoupled: false, ...options };
    const { betas } = this.#options;
    if (!betas.every((beta) => beta >= 0 && beta < 1)) {
      throw new RangeError(`Adam: both betas must be in [0, 1), not ${betas.join(" and ")}`);
    }
    this.#trained = new TrainedParameters(model, "Adam");
    this.#model = model;
    this.#state = new OptimizerState(model, "Adam");
    this.#hyper = this.#state.hyperparameters(6);
    const { device } = placementOf(model);
    const count = this.#state.zeros(3, "step count");
    this.#counts = new StepCounts(device, count, this.#trained.count, (length) =>
      this.#state.memory(length, "step count"),
    );
    this.#moments = this.#trained.ranges.map(({ params: { length } }) => ({
      m: this.#state.zeros(length, "first moment"),
      v: this.#state.zeros(length, "second moment"),
    }));
    this.#write();
  }

  get lr(): number {
    return this.#options.lr;
  }

  /**
   * Changes the learning rate for the steps that follow.
   *
   * @throws RangeError when given a momentum, which Adam has none of
   */
  set({ lr = this.lr, momentum }: Partial<Setting>): void {
    if (momentum !== undefined) {
      throw new RangeError(
        `Adam: no momentum to set to ${momentum}; use a schedule without momentum`,
      );
    }
    if (lr === this.lr) return;
    this.#options.lr = lr;
    this.#write();
  }

  step(scaler?: LossScaler): void {
    const { device } = placementOf(this.#model);
    const taken = this.#trained.take();
    for (const { grads } of this.#trained.stretches(taken)) scaler?.unscale(grads);
    for (const { count, members } of this.#counts.of(taken)) {
      const common = { count, hyper: this.#hyper.slice, skip: scaler?.state ?? null };
      device.run("adamCount", common);
      for (const { params, grads, range, within } of this.#trained.stretches(members)) {
        const { m, v } = this.#moments[range] as { m: Slice; v: Slice };
        device.run("adam", { params, grads, m: within(m), v: within(v), ...common });
      }
    }
    scaler?.update();
  }

  /** Steps done, without those that were skipped: of the parameters that have had the most. */
  async steps(): Promise<number> {
    const counts = await this.#counts.read();
    return Math.max(...counts.map(([steps = 0]) => steps));
  }

  /**
   * The step count with both bias corrections, then the moments of what is trained. Where parameters
   * have had different steps, what else `StepCounts.save` gives follows.
   */
  async save(): Promise<Float32Array> {
    const [state, counts] = await Promise.all([this.#state.save(), this.#counts.save()]);
    if (counts.length === 0) return state;
    const all = new Float32Array(state.length + counts.length);
    all.set(state);
    all.set(counts, state.length);
    return all;
  }

  load(state: Float32Array): void {
    const { length } = this.#state;
    const fits = this.#counts.fits(state.length - length);
    if (fits) this.#counts.load(state.subarray(length));
    this.#state.load(fits ? state.subarray(0, length) : state);
  }

  release(): void {
    this.#state.release();
  }

  #write(): void {
    const { lr, betas, eps, weightDecay, decoupled } = this.#options;
    this.#hyper.write([lr, ...betas, eps, weightDecay, decoupled ? 1 : 0]);
  }
}
