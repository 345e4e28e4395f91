import { noGrad } from "../autograd/tape.js";
import type { Labelled } from "../data/image-set.js";
import { ShapeError } from "../device/errors.js";
import type { Classifier } from "../models/classifier.js";
import { features } from "../nn/features.js";
import { BatchNorm2d, Conv2d } from "../nn/layers.js";
import { imageChannels } from "../nn/parameter.js";
import { placementOf } from "../nn/place.js";
import { number } from "../schema/index.js";
import { zeros } from "../tensor/create.js";
import type { Tensor } from "../tensor/tensor.js";
import { defineDefense } from "./defense.js";

/**
 * Channel Lipschitzness pruning, without any data: a channel k of a batch norm behind a convolution can
 * amplify its input by at most
 *
 *     s_k = sigma_max(W_k as [cIn, kh kw]) |gamma_k| / sqrt(var_k + eps),
 *
 * and is pruned (gamma_k = beta_k = 0) where s_k > mean + u std over its layer's channels. Which norm
 * follows which convolution is seen by running the model, so that pre-activation networks are paired
 * rightly; norms that follow none are left alone. The strength u is given: without images there is
 * nothing to choose it by.
 */
export const channelLipschitzness = defineDefense({
  name: "clp",
  title: "CLP",
  doc: "prunes channels that can amplify most; looks at the weights alone",
  source:
    "Zheng et al., Data-Free Backdoor Removal Based on Channel Lipschitzness, 2022, arXiv 2208.03111",
  options: {
    u: number({
      default: 3,
      doc: "standard deviations above its layer's mean from which on a channel is pruned",
    }),
  },
  passes: () => 0,
  async run(model, clean, { u }, hooks) {
    model.eval();
    let pruned = 0;
    for (const [conv, norm] of normsBehindConvolutions(model, clean)) {
      hooks.signal?.throwIfAborted();
      const [weight, gamma, beta, variance] = await Promise.all([
        conv.weight.value.read(),
        norm.weight.value.read(),
        norm.bias.value.read(),
        norm.running_var.value.read(),
      ]);
      const bounds = channelBounds(conv.weight.toHost(weight), conv.weight.shape, gamma, (k) =>
        Math.sqrt((variance[k] ?? 0) + norm.eps),
      );
      for (const k of outliers(bounds, u)) {
        gamma[k] = 0;
        beta[k] = 0;
        pruned++;
      }
      norm.weight.value.write(gamma);
      norm.bias.value.write(beta);
    }
    hooks.onStage?.(`${pruned} channels pruned`);
  },
});

/** Each batch norm whose input is what a convolution gave. */
export function normsBehindConvolutions(
  model: Classifier,
  { height, width }: Pick<Labelled, "height" | "width">,
): [Conv2d, BatchNorm2d][] {
  const { device } = placementOf(model);
  using _ = device.scope();
  const made = new Map<Tensor, Conv2d>();
  const pairs: [Conv2d, BatchNorm2d][] = [];
  const edit: Record<string, (x: Tensor) => Tensor> = {};
  for (const [path, module] of model.modules()) {
    if (module instanceof Conv2d) {
      edit[path] = (y) => {
        made.set(y, module);
        return y;
      };
    } else if (module instanceof BatchNorm2d) {
      edit[`${path}:input`] = (x) => {
        const conv = made.get(x);
        if (conv) pairs.push([conv, module]);
        return x;
      };
    }
  }
  const x = zeros(device, [1, height, width, imageChannels]);
  noGrad(() => features(model, x, [], { edit }));
  if (pairs.length > 0) return pairs;
  throw new ShapeError(
    "defense clp: the model has no batch norm behind a convolution, and nothing to prune; choose " +
      "another defense",
  );
}

/**
 * s_k of every output channel.
 *
 * @param weight [cOut, cIn, kh, kw]
 * @param deviation of the norm's running variance, per channel
 */
export function channelBounds(
  weight: Float32Array,
  [channels = 0, inputs = 0, kh = 0, kw = 0]: readonly number[],
  gamma: Float32Array,
  deviation: (channel: number) => number,
): Float64Array {
  const size = inputs * kh * kw;
  return Float64Array.from({ length: channels }, (_, k) => {
    const filter = weight.subarray(k * size, (k + 1) * size);
    return (largestSingularValue(filter, inputs, kh * kw) * Math.abs(gamma[k] ?? 0)) / deviation(k);
  });
}

/** Channels whose bound lies more than u standard deviations (n - 1) above the mean. */
export function outliers(bounds: Float64Array, u: number): number[] {
  const count = bounds.length;
  const mean = bounds.reduce((sum, s) => sum + s, 0) / count;
  const squares = bounds.reduce((sum, s) => sum + (s - mean) ** 2, 0);
  const limit = mean + u * Math.sqrt(squares / (count - 1));
  return Array.from(bounds.keys()).filter((k) => (bounds[k] ?? 0) > limit);
}

/**
 * By Jacobi's rotations of A^T A (Golub and Van Loan, Matrix Computations, section 8.5), in float64.
 *
 * @param values A, [rows, columns], row by row
 */
export function largestSingularValue(
  values: ArrayLike<number>,
  rows: number,
  columns: number,
): number {
  const g = new Float64Array(columns * columns);
  for (let r = 0; r < rows; r++) {
    for (let i = 0; i < columns; i++) {
      const a = values[r * columns + i] ?? 0;
      for (let j = 0; j < columns; j++)
        g[i * columns + j] = at(g, i * columns + j) + a * (values[r * columns + j] ?? 0);
    }
  }
  for (let sweep = 0; sweep < 30; sweep++) {
    let off = 0;
    for (let p = 0; p < columns; p++) {
      for (let q = p + 1; q < columns; q++) {
        off += at(g, p * columns + q) ** 2;
        rotate(g, columns, p, q);
      }
    }
    const diagonal = Array.from({ length: columns }, (_, i) => at(g, i * columns + i));
    const largest = Math.max(0, ...diagonal);
    if (off <= 1e-26 * largest ** 2) return Math.sqrt(largest);
  }
  return Math.sqrt(
    Math.max(0, ...Array.from({ length: columns }, (_, i) => at(g, i * columns + i))),
  );
}

const at = (g: Float64Array, i: number): number => g[i] ?? 0;

/** Makes the symmetric g[p][q] zero by a rotation of rows and columns p and q. */
function rotate(g: Float64Array, n: number, p: number, q: number): void {
  const off = at(g, p * n + q);
  if (off === 0) return;
  const tau = (at(g, q * n + q) - at(g, p * n + p)) / (2 * off);
  const t = Math.sign(tau || 1) / (Math.abs(tau) + Math.sqrt(1 + tau * tau));
  const c = 1 / Math.sqrt(1 + t * t);
  const s = t * c;
  const turn = (first: number, second: number): void => {
    const [a, b] = [at(g, first), at(g, second)];
    g[first] = c * a - s * b;
    g[second] = s * a + c * b;
  };
  for (let i = 0; i < n; i++) turn(i * n + p, i * n + q);
  for (let i = 0; i < n; i++) turn(p * n + i, q * n + i);
}
