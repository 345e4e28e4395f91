import { hostEffect } from "../device/capture-log.js";
import { checkOptions, type OptionTable } from "../device/options.js";
import type { Pair } from "../ops/arguments.js";
import { pair } from "../ops/arguments.js";
import {
  add,
  batchNorm,
  type Conv2dOptions,
  conv2d,
  matmul,
  type Padding2d,
} from "../ops/index.js";
import type { Tensor } from "../tensor/tensor.js";
import { constant, uniformFanIn } from "./init.js";
import { Module } from "./module.js";
import { imageChannels, Parameter, Statistic } from "./parameter.js";

export interface Conv2dLayerOptions {
  stride?: Pair;
  padding?: Padding2d;
  dilation?: Pair;
  /** Groups of channels, each with filters of its own. Default 1. */
  groups?: number;
  bias?: boolean;
  /** The input is images, whose channels are padded to four (`imageChannels`). */
  image?: boolean;
}

const convOptions: OptionTable<Conv2dLayerOptions> = {
  stride: "checked",
  padding: "checked",
  dilation: "checked",
  groups: "number",
  bias: "boolean",
  image: "boolean",
};

/** Convolution of [n, h, w, inChannels], or of images [n, h, w, 4]. */
export class Conv2d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  readonly #window: Required<Conv2dOptions>;

  constructor(
    inChannels: number,
    outChannels: number,
    kernel: Pair,
    options: Conv2dLayerOptions = {},
  ) {
    super();
    checkOptions("Conv2d", options, convOptions);
    const [kh, kw] = pair("Conv2d", "the kernel", kernel);
    const fan = inChannels * kh * kw;
    if (options.image && inChannels > imageChannels) {
      throw new RangeError(
        `Conv2d: images have at most ${imageChannels} channels, not ${inChannels}`,
      );
    }
    const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
    if (!Number.isInteger(groups) || groups < 1 || inChannels % groups || outChannels % groups) {
      throw new RangeError(
        `Conv2d: ${groups} groups do not divide ${inChannels} and ${outChannels} channels`,
      );
    }
    if (options.image && groups > 1) {
      throw new RangeError("Conv2d: images are padded to four channels, and take one group");
    }
    const layout = options.image ? "image-conv" : "conv";
    this.weight = new Parameter([outChannels, inChannels / groups, kh, kw], uniformFanIn(), layout);
    if (options.bias ?? true) this.bias = new Parameter([outChannels], uniformFanIn(fan / groups));
    this.#window = { stride, padding, dilation, groups };
  }

  /** Channels of the input, without the padding of images. */
  get inChannels(): number {
    return (this.weight.shape[1] ?? 0) * this.#window.groups;
  }

  /** Whether the input is images: see `Conv2dLayerOptions`. */
  get takesImages(): boolean {
    return this.weight.layout === "image-conv";
  }

  /** How the filters move over the image. */
  get window(): Readonly<Required<Conv2dOptions>> {
    return this.#window;
  }

  forward(x: Tensor): Tensor {
    const y = conv2d(x, this.weight.value, this.window);
    return this.bias ? add(y, this.bias.value) : y;
  }
}

export interface LinearOptions {
  bias?: boolean;
}

const linearOptions: OptionTable<LinearOptions> = { bias: "boolean" };

/** y = x W^T + b with x [rows, inFeatures], W [outFeatures, inFeatures]. */
export class Linear extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;

  constructor(inFeatures: number, outFeatures: number, options: LinearOptions = {}) {
    super();
    checkOptions("Linear", options, linearOptions);
    this.weight = new Parameter([outFeatures, inFeatures], uniformFanIn());
    if (options.bias ?? true) this.bias = new Parameter([outFeatures], uniformFanIn(inFeatures));
  }

  get outFeatures(): number {
    return this.weight.shape[0] ?? 0;
  }

  forward(x: Tensor): Tensor {
    const options = this.bias ? { bias: this.bias.value } : {};
    return matmul(x, this.weight.value, { transB: true, ...options });
  }
}

export interface BatchNormLayerOptions {
  eps?: number;
  momentum?: number;
}

const normOptions: OptionTable<BatchNormLayerOptions> = { eps: "number", momentum: "number" };

/** What a norm's pass does besides. */
export interface Fused {
  relu?: boolean;
  /** Added before the ReLU; same shape as x. */
  residual?: Tensor;
}

const fusedOptions: OptionTable<Fused> = { relu: "boolean", residual: "checked" };

/** Batch norm over the last dimension; `apply` folds a residual and a ReLU into the same pass. */
export class BatchNorm2d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly running_mean: Statistic;
  readonly running_var: Statistic;
  readonly eps: number;
  readonly momentum: number;
  /** Training batches seen, PyTorch's num_batches_tracked. */
  batchesTracked = 0;

  constructor(channels: number, options: BatchNormLayerOptions = {}) {
    super();
    checkOptions("BatchNorm2d", options, normOptions);
    this.weight = new Parameter([channels], constant(1));
    this.bias = new Parameter([channels], constant(0));
    this.running_mean = new Statistic([channels], constant(0));
    this.running_var = new Statistic([channels], constant(1));
    this.eps = options.eps ?? 1e-5;
    this.momentum = options.momentum ?? 0.1;
  }

  forward(x: Tensor): Tensor {
    return this.apply(x, {});
  }

  /** relu?(norm(x) + residual?). */
  apply(x: Tensor, fused: Fused): Tensor {
    checkOptions("BatchNorm2d.apply", fused, fusedOptions);
    const state = {
      gamma: this.weight.value,
      beta: this.bias.value,
      runningMean: this.running_mean.value,
      runningVar: this.running_var.value,
    };
    const { eps, momentum, training } = this;
    // A batch that other statistics saw is not one of these.
    if (training && !this.running_mean.substituted) {
      hostEffect(x.device, () => {
        this.batchesTracked++;
        return () => {
          this.batchesTracked--;
        };
      });
    }
    return batchNorm(x, state, { training, eps, momentum, ...fused });
  }
}
