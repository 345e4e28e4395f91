import { checkOptions, type OptionTable } from "../device/options.js";
import { groupNorm, layerNorm } from "../ops/layer-norm.js";
import type { Tensor } from "../tensor/tensor.js";
import { constant } from "./init.js";
import { Module } from "./module.js";
import { Parameter } from "./parameter.js";

export interface AffineNormOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** A learned scale and shift for each channel. Default true. */
  affine?: boolean;
}

const normOptions: OptionTable<AffineNormOptions> = { eps: "number", affine: "boolean" };

/** Scale and shift by channel, named as PyTorch does. */
abstract class AffineNorm extends Module {
  readonly weight: Parameter | undefined;
  readonly bias: Parameter | undefined;
  readonly #eps: number;

  constructor(name: string, channels: number, options: AffineNormOptions) {
    super();
    checkOptions(name, options, normOptions);
    this.#eps = options.eps ?? 1e-5;
    if (!(options.affine ?? true)) return;
    this.weight = new Parameter([channels], constant(1));
    this.bias = new Parameter([channels], constant(0));
  }

  protected get options() {
    const { weight, bias } = this;
    return {
      eps: this.#eps,
      ...(weight && { gamma: weight.value }),
      ...(bias && { beta: bias.value }),
    };
  }
}

/** Layer normalisation over the last dimension: see `layerNorm`. */
export class LayerNorm extends AffineNorm {
  constructor(channels: number, options: AffineNormOptions = {}) {
    super("LayerNorm", channels, options);
  }

  forward(x: Tensor): Tensor {
    return layerNorm(x, this.options);
  }
}

/** Group normalisation of [n, ..., channels]: see `groupNorm`. */
export class GroupNorm extends AffineNorm {
  readonly #groups: number;

  /** @throws RangeError when the groups do not divide the channels */
  constructor(groups: number, channels: number, options: AffineNormOptions = {}) {
    super("GroupNorm", channels, options);
    if (!Number.isInteger(groups) || groups < 1 || channels % groups !== 0) {
      throw new RangeError(`GroupNorm: ${groups} groups do not divide ${channels} channels`);
    }
    this.#groups = groups;
  }

  forward(x: Tensor): Tensor {
    return groupNorm(x, this.#groups, this.options);
  }
}
