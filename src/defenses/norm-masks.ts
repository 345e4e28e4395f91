import { noGrad } from "../autograd/tape.js";
import { ModuleError } from "../device/errors.js";
import { constant } from "../nn/init.js";
import { BatchNorm2d } from "../nn/layers.js";
import { Module } from "../nn/module.js";
import { Parameter } from "../nn/parameter.js";
import { placementOf } from "../nn/place.js";
import { flatValues, type Values, viewValues, withValues } from "../nn/values.js";
import { add, affine, clamp, mul } from "../ops/elementwise.js";
import type { Tensor } from "../tensor/tensor.js";

/** What is added to the masks of each batch norm and to its shift's factor 1, one tensor a norm. */
export interface NormNoise {
  readonly scale: readonly Tensor[];
  readonly shift: readonly Tensor[];
}

/** Thresholds below which masks are pruned, from the weakest: 0, 0.05, ... 0.95. */
export const thresholds = Array.from({ length: 20 }, (_, i) => i / 20);

/**
 * One mask in [0, 1] for each channel of each batch norm of a model, 1 at first: gamma counts as
 * m gamma. An optimizer trains the masks; the model's own values stay as they are.
 */
export class NormMasks extends Module {
  readonly masks: readonly Parameter[];
  readonly #model: Module;
  readonly #norms: readonly (readonly [path: string, norm: BatchNorm2d])[];

  /** @throws ModuleError when the model has no batch norm */
  constructor(model: Module) {
    super();
    this.#model = model;
    this.#norms = model
      .modules()
      .filter((entry): entry is [string, BatchNorm2d] => entry[1] instanceof BatchNorm2d);
    if (this.#norms.length === 0) {
      throw new ModuleError("the model has no batch norm whose channels could be masked");
    }
    this.masks = this.#norms.map(([, norm]) => new Parameter(norm.weight.shape, constant(1)));
  }

  /** Channels of each norm. */
  get channels(): readonly number[] {
    return this.masks.map(({ size }) => size);
  }

  /** What the masked model gives; it keeps no statistics of it. */
  forward(x: Tensor): Tensor {
    return this.run(
      x,
      this.masks.map(({ value }) => value),
    );
  }

  /** What the model gives under other masks, with noise: gamma (m + scale), beta (1 + shift). */
  run(x: Tensor, masks: readonly Tensor[], noise?: NormNoise): Tensor {
    const values = new Map<string, Tensor>(this.#scratchStatistics());
    for (const [i, [path, norm]] of this.#norms.entries()) {
      const [mask, scale, shift] = [masks[i] as Tensor, noise?.scale[i], noise?.shift[i]];
      const gamma = norm.weight.own.detach();
      values.set(`${path}.weight`, mul(gamma, scale ? add(mask, scale) : mask));
      if (shift) values.set(`${path}.bias`, mul(norm.bias.own.detach(), affine(shift, 1, 1)));
    }
    return withValues(this.#model, values, () => this.#model.forward(x));
  }

  /** Holds the masks within [0, 1]; made of ops. */
  clip(): void {
    const { device } = placementOf(this);
    using _ = device.scope();
    const all = flatValues(this);
    const held = noGrad(() => clamp(all, 0, 1));
    device.run("copy", { src: held.slice, dst: all.slice });
  }

  /**
   * A function that prunes the model by the masks as they are now: gamma becomes 0 where the mask is
   * at most the threshold. Each call starts from the model as it is now; null prunes nothing.
   *
   * @returns how many channels are pruned
   */
  async pruner(): Promise<(threshold: number | null) => number> {
    const masks = await Promise.all(this.masks.map(({ value }) => value.read()));
    const gammas = await Promise.all(this.#norms.map(([, norm]) => norm.weight.own.read()));
    return (threshold) => {
      let pruned = 0;
      for (const [i, [, norm]] of this.#norms.entries()) {
        const gamma = Float32Array.from(gammas[i] ?? []);
        masks[i]?.forEach((m, k) => {
          if (threshold === null || m > Math.fround(threshold)) return;
          gamma[k] = 0;
          pruned++;
        });
        norm.weight.own.write(gamma);
      }
      return pruned;
    };
  }

  #scratchStatistics(): Values {
    const copy = noGrad(() => affine(flatValues(this.#model, "statistics"), 1));
    return viewValues(this.#model, copy, "statistics");
  }
}
