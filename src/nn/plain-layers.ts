import type { Pair } from "../ops/arguments.js";
import { gelu, geluExact, leakyRelu, relu, sigmoid, silu, tanh } from "../ops/elementwise.js";
import { embedding } from "../ops/gather.js";
import { flatten } from "../ops/layout.js";
import {
  type AvgPool2dOptions,
  avgPool2d,
  globalAvgPool,
  maxPool2d,
  type Pool2dOptions,
} from "../ops/pool2d.js";
import type { Tensor } from "../tensor/tensor.js";
import { normalInit } from "./init.js";
import { Module } from "./module.js";
import { Parameter } from "./parameter.js";

/** A layer without parameters: an op and what it was made with. */
abstract class Plain extends Module {
  readonly #apply: (x: Tensor) => Tensor;

  constructor(apply: (x: Tensor) => Tensor) {
    super();
    this.#apply = apply;
  }

  forward(x: Tensor): Tensor {
    return this.#apply(x);
  }
}

/** max(x, 0). */
export class ReLU extends Plain {
  constructor() {
    super(relu);
  }
}

/** x where it is above 0, else slope * x. */
export class LeakyReLU extends Plain {
  constructor(slope = 0.01) {
    super((x) => leakyRelu(x, slope));
  }
}

/** x Phi(x); `approximate: "tanh"` is faster. */
export class GELU extends Plain {
  constructor({ approximate = "none" }: { approximate?: "none" | "tanh" } = {}) {
    super(approximate === "tanh" ? gelu : geluExact);
  }
}

/** x sigmoid(x). */
export class SiLU extends Plain {
  constructor() {
    super(silu);
  }
}

export class Sigmoid extends Plain {
  constructor() {
    super(sigmoid);
  }
}

export class Tanh extends Plain {
  constructor() {
    super(tanh);
  }
}

/** All dimensions from `first` on as one. */
export class Flatten extends Plain {
  constructor(first = 1) {
    super((x) => flatten(x, first));
  }
}

/** Largest value of each window of [n, h, w, c]. */
export class MaxPool2d extends Plain {
  constructor(window: Pair, options: Pool2dOptions = {}) {
    super((x) => maxPool2d(x, window, options));
  }
}

/** Mean of each window of [n, h, w, c]. */
export class AvgPool2d extends Plain {
  constructor(window: Pair, options: AvgPool2dOptions = {}) {
    super((x) => avgPool2d(x, window, options));
  }
}

/** [n, h, w, c] to [n, c], the mean over all positions. */
export class GlobalAvgPool extends Plain {
  constructor() {
    super(globalAvgPool);
  }
}

/** Rows of a learned table [count, size] by u32 indices of any shape. */
export class Embedding extends Module {
  readonly weight: Parameter;

  constructor(count: number, size: number) {
    super();
    this.weight = new Parameter([count, size], normalInit(1));
  }

  forward(index: Tensor): Tensor {
    return embedding(this.weight.value, index);
  }
}
