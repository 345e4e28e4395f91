import type { Device } from "../device/device.js";
import { checkOptions, type OptionTable } from "../device/options.js";
import type { Slice } from "../device/storage.js";
import { mul } from "../ops/elementwise.js";
import { tensor } from "../tensor/create.js";
import { Tensor } from "../tensor/tensor.js";

/** Defaults are PyTorch's. */
export interface LossScalerOptions {
  /** What the loss is multiplied by at first. Default 65,536. */
  scale?: number;
  /** Factor after `interval` steps without overflow. Default 2. */
  growth?: number;
  /** Factor after a step that overflowed. Default 0.5. */
  backoff?: number;
  /** Default 2,000. */
  interval?: number;
}

const scalerOptions: OptionTable<LossScalerOptions> = {
  scale: "checked",
  growth: "checked",
  backoff: "checked",
  interval: "checked",
};

export interface LossScale {
  readonly scale: number;
  /** Steps since the scale changed. */
  readonly goodSteps: number;
  readonly skippedSteps: number;
}

/**
 * Dynamic loss scaling for training in f16, after PyTorch's GradScaler: the loss is scaled so that
 * small gradients do not vanish; a step whose gradients overflowed changes no parameter and lowers
 * the scale. All of it is decided and kept on the device, so a recorded step can hold it:
 *
 *     backward(scaler.scale(loss));
 *     optimizer.step(scaler);
 *
 * The running statistics of batch norm and what follows the optimizer are not held back.
 */
export class LossScaler {
  readonly #state: Tensor;
  readonly #factor: Tensor;
  readonly #rule: { growth: number; backoff: number; interval: number };

  /** @throws RangeError unless scale, growth and backoff are above 0 and interval is an integer */
  constructor(device: Device, options: LossScalerOptions = {}) {
    checkOptions("LossScaler", options, scalerOptions);
    const { scale = 65_536, growth = 2, backoff = 0.5, interval = 2_000 } = options;
    for (const [name, value] of Object.entries({ scale, growth, backoff })) {
      if (!(value > 0 && Number.isFinite(value))) {
        throw new RangeError(`LossScaler: ${name} must be above 0, not ${value}`);
      }
    }
    if (!Number.isInteger(interval) || interval < 1) {
      throw new RangeError(`LossScaler: interval must be a positive integer, not ${interval}`);
    }
    this.#rule = { growth, backoff, interval };
    this.#state = tensor(device, [scale, 0, 0, 0]).keep();
    this.#factor = new Tensor(device, { ...this.#state.slice, length: 1 }, []);
  }

  /** Where the optimizer's kernel reads whether to skip; see the kernel `unscale`. */
  get state(): Slice {
    return this.#state.slice;
  }

  /** loss * scale, to back-propagate from. */
  scale(loss: Tensor): Tensor {
    return mul(loss, this.#factor);
  }

  /** Divides gradients by the scale, in place, and notes whether all of them are finite. */
  unscale(grads: Slice): void {
    this.#state.device.run("unscale", { grads, state: this.state });
  }

  /** Ends a step: adapts the scale and forgets what `unscale` has found. */
  update(): void {
    this.#state.device.run("updateScale", { state: this.state, ...this.#rule });
  }

  /** Where the scale is, between two steps. */
  async read(): Promise<LossScale> {
    const [scale = 0, goodSteps = 0, , skippedSteps = 0] = await this.#state.read();
    return { scale, goodSteps, skippedSteps };
  }

  /** Goes on from what `read` gave. */
  load({ scale, goodSteps, skippedSteps }: LossScale): void {
    this.#state.write([scale, goodSteps, 0, skippedSteps]);
  }

  release(): void {
    this.#state.release();
  }
}
