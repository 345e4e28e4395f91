import { noGrad } from "../autograd/tape.js";
import { conv2dInference } from "../ops/conv2d.js";
import { affine, div, mul, sqrt, sub } from "../ops/elementwise.js";
import type { Tensor } from "../tensor/tensor.js";
import type { BatchNorm2d, Conv2d } from "./layers.js";

interface FoldedConv {
  readonly weight: Tensor;
  readonly bias: Tensor;
}

let active: FoldedNorms | undefined;

/**
 * Batch norms folded into the convolutions before them, for inference: with running statistics
 * norm(conv(x)) = (x * w - mean) * s + beta, s = gamma / sqrt(var + eps), which is the convolution
 * with weights s w and bias beta - mean s. So each layer is one kernel and its activations are
 * written once. Results differ from those of the single layers by rounding.
 *
 * A pair is folded when it is first met and stays as it was then: make a new FoldedNorms when
 * weights or statistics have changed.
 */
export class FoldedNorms {
  readonly #pairs = new Map<Conv2d, Map<BatchNorm2d, FoldedConv>>();

  /** Runs `body` without recording gradients; `convNorm` inside of it uses folded weights. */
  run<T>(body: () => T): T {
    const outer = active;
    active = this;
    try {
      return noGrad(body);
    } finally {
      active = outer;
    }
  }

  /** @internal */
  of(conv: Conv2d, norm: BatchNorm2d): FoldedConv {
    const folded = this.#pairs.get(conv) ?? new Map<BatchNorm2d, FoldedConv>();
    this.#pairs.set(conv, folded);
    const pair = folded.get(norm) ?? fold(conv, norm);
    folded.set(norm, pair);
    return pair;
  }

  /** Gives the folded weights' memory back. */
  release(): void {
    for (const folded of this.#pairs.values()) {
      for (const { weight, bias } of folded.values()) {
        weight.release();
        bias.release();
      }
    }
    this.#pairs.clear();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/** Runs `body` with every layer on its own, though within `FoldedNorms.run`. */
export function unfolded<T>(body: () => T): T {
  const outer = active;
  active = undefined;
  try {
    return body();
  } finally {
    active = outer;
  }
}

function fold(conv: Conv2d, norm: BatchNorm2d): FoldedConv {
  const mean = norm.running_mean.value;
  using _ = mean.device.scope();
  const scale = div(norm.weight.value, sqrt(affine(norm.running_var.value, 1, norm.eps)));
  // Device weights are [kh, kw, cIn, cOut]: the scale is one number a column.
  const weight = mul(conv.weight.value, scale).keep();
  const center = conv.bias ? sub(mean, conv.bias.value) : mean;
  return { weight, bias: sub(norm.bias.value, mul(center, scale)).keep() };
}

/**
 * relu?(norm(conv(x)) + residual?): one kernel within `FoldedNorms.run` for a norm in evaluation
 * mode, else the layers one by one.
 */
export function convNorm(
  conv: Conv2d,
  norm: BatchNorm2d,
  x: Tensor,
  fused: { relu?: boolean; residual?: Tensor } = {},
): Tensor {
  if (!active || norm.training) return norm.apply(conv.forward(x), fused);
  const { weight, bias } = active.of(conv, norm);
  return conv2dInference(x, weight, bias, { ...conv.window, ...fused });
}
