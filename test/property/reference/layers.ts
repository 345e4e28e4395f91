import { batchNorm as normalised } from "../../../src/ops/batch-norm.js";
import { conv2d as convolved } from "../../../src/ops/conv2d.js";
import { crossEntropy as entropy } from "../../../src/ops/cross-entropy.js";
import { matmul as multiplied } from "../../../src/ops/matmul.js";
import type { Tensor } from "../../../src/tensor/tensor.js";
import { add } from "./elementwise.js";
import { bilinear, everywhere, margin, type Operation } from "./operation.js";
import { increase, read, sizeOf, type Value, zerosLike } from "./value.js";

/** [..., m, k] x [..., k, n]; either side read transposed, either without batches. */
export const matmul = (transA: boolean, transB: boolean): Operation =>
  bilinear(
    "matmul",
    `matmul(${transA ? "^T" : ""},${transB ? "^T" : ""})`,
    (a, b) => multiplied(a, b, { transA, transB }),
    (a, b, visit) => {
      const [r, c] = a.shape.slice(-2) as [number, number];
      const [m, k] = transA ? [c, r] : [r, c];
      const last = b.shape.slice(-2) as [number, number];
      const n = transB ? last[0] : last[1];
      const batches = [a, b].map((x) => x.shape.slice(0, -2));
      const lead = batches.find((s) => sizeOf(s) > 1) ?? batches.find((s) => s.length > 0) ?? [];
      const own = batches.map((s) => (sizeOf(s) > 1 ? 1 : 0)) as [number, number];
      for (let z = 0; z < sizeOf(lead); z++) {
        for (let i = 0; i < m; i++) {
          for (let j = 0; j < n; j++) {
            for (let l = 0; l < k; l++) {
              visit(
                (z * m + i) * n + j,
                own[0] * z * m * k + (transA ? l * m + i : i * k + l),
                own[1] * z * k * n + (transB ? j * k + l : l * n + j),
              );
            }
          }
        }
      }
      return [...lead, m, n];
    },
  );

/** x [rows, in] with w [out, in] and a bias [out], in one op. */
export const linearLayer: Operation = {
  name: "matmul",
  label: "matmul(,^T) with bias",
  apply: ([x, w, bias]) =>
    multiplied(x as Tensor, w as Tensor, { transB: true, bias: bias as Tensor }),
  forward: ([x, w, bias]) =>
    add.forward([product.forward([x as Value, w as Value]), bias as Value]),
  backward(g, [x, w, bias], y) {
    const [, dbias = null] = add.backward(g, [y, bias as Value], y);
    return [...product.backward(g, [x as Value, w as Value], y), dbias];
  },
  suits: everywhere,
};

const product = matmul(false, true);

/** x [n, h, w, cIn] with w [kh, kw, cIn, cOut]. */
export const conv2d = (stride: number, padding: number): Operation =>
  bilinear(
    "conv2d",
    `conv2d(stride ${stride}, padding ${padding})`,
    (x, w) => convolved(x, w, { stride, padding }),
    (x, w, visit) => {
      const [n, h, wide, cIn] = x.shape as [number, number, number, number];
      const [kh, kw, , cOut] = w.shape as [number, number, number, number];
      const outH = Math.floor((h + 2 * padding - kh) / stride) + 1;
      const outW = Math.floor((wide + 2 * padding - kw) / stride) + 1;
      let o = 0;
      for (let b = 0; b < n; b++) {
        for (let oh = 0; oh < outH; oh++) {
          for (let ow = 0; ow < outW; ow++, o += cOut) {
            for (let i = 0; i < kh; i++) {
              for (let j = 0; j < kw; j++) {
                const [row, column] = [oh * stride - padding + i, ow * stride - padding + j];
                if (row < 0 || row >= h || column < 0 || column >= wide) continue;
                const pixel = ((b * h + row) * wide + column) * cIn;
                const tap = (i * kw + j) * cIn;
                for (let ci = 0; ci < cIn; ci++) {
                  for (let co = 0; co < cOut; co++) {
                    visit(o + co, pixel + ci, (tap + ci) * cOut + co);
                  }
                }
              }
            }
          }
        }
      }
      return [n, outH, outW, cOut];
    },
  );

export interface NormOptions {
  readonly training: boolean;
  readonly relu?: boolean;
  readonly eps?: number;
  readonly momentum?: number;
}

/** Mean and variance of each channel of x [..., channels], without Bessel's correction. */
function moments(x: Value, channels: number) {
  const rows = x.data.length / channels;
  const mean = new Float64Array(channels);
  const variance = new Float64Array(channels);
  x.data.forEach((v, i) => {
    mean[i % channels] = (mean[i % channels] ?? 0) + v / rows;
  });
  x.data.forEach((v, i) => {
    const c = i % channels;
    variance[c] = (variance[c] ?? 0) + (v - (mean[c] ?? 0)) ** 2 / rows;
  });
  return { mean, variance, rows };
}

/** Inputs x, gamma, beta, running mean, running variance and, if there is one, the residual. */
export function batchNorm(options: NormOptions): Operation {
  const { training, relu = false, eps = 1e-5, momentum = 0.1 } = options;
  const centred = (x: readonly Value[]) => {
    const [input, gamma, , mean, variance] = x as [Value, Value, Value, Value, Value];
    const channels = gamma.data.length;
    const own = moments(input, channels);
    const centre = training ? own.mean : mean.data;
    const scale = (training ? own.variance : variance.data).map((v) => 1 / Math.sqrt(v + eps));
    const hat = input.data.map((v, i) => {
      return (v - (centre[i % channels] ?? 0)) * (scale[i % channels] ?? 0);
    });
    return { input, gamma, channels, scale, hat, rows: own.rows, own };
  };
  const before = (x: readonly Value[]): Float64Array => {
    const { gamma, channels, hat } = centred(x);
    const [beta, residual] = [x[2] as Value, x[5]];
    return hat.map(
      (v, i) =>
        v * read(gamma, i % channels) +
        read(beta, i % channels) +
        (residual ? read(residual, i) : 0),
    );
  };
  return {
    name: "batchNorm",
    label: `batchNorm(${training ? "training" : "frozen"}${relu ? ", relu" : ""})`,
    apply([x, gamma, beta, runningMean, runningVar, residual]) {
      const state = { gamma, beta, runningMean, runningVar } as Record<string, Tensor>;
      return normalised(x as Tensor, state as unknown as Parameters<typeof normalised>[1], {
        ...{ training, relu, eps, momentum },
        ...(residual && { residual }),
      });
    },
    forward(x) {
      const data = before(x);
      return {
        shape: (x[0] as Value).shape,
        data: relu ? data.map((v) => Math.max(v, 0)) : data,
      };
    },
    backward(g, x, y) {
      const { input, gamma, channels, scale, hat, rows } = centred(x);
      const dy = g.data.map((v, i) => (relu && read(y, i) <= 0 ? 0 : v));
      const dgamma = zerosLike(gamma);
      const dbeta = zerosLike(gamma);
      dy.forEach((v, i) => {
        increase(dgamma, i % channels, v * (hat[i] ?? 0));
        increase(dbeta, i % channels, v);
      });
      // Ioffe and Szegedy 2015, section 3, with d(loss)/d(hat) = dy gamma.
      const dx = dy.map((v, i) => {
        const c = i % channels;
        const slope = read(gamma, c) * (scale[c] ?? 0);
        if (!training) return slope * v;
        return slope * (v - (read(dbeta, c) + (hat[i] ?? 0) * read(dgamma, c)) / rows);
      });
      const residual = x.length > 5 ? [{ shape: input.shape, data: dy }] : [];
      return [{ shape: input.shape, data: dx }, dgamma, dbeta, null, null, ...residual];
    },
    terms(g, x) {
      if (!training) return 0;
      const { gamma, scale } = centred(x);
      const slope = Math.max(...scale.map((v, c) => Math.abs(v * read(gamma, c))));
      return slope * Math.max(...g.data.map(Math.abs));
    },
    suits(x) {
      const { own } = centred(x);
      const spread = training ? own.variance : (x[4] as Value).data;
      if (!spread.every((v) => v > 0.005)) return false;
      return !relu || before(x).every((v) => Math.abs(v) > margin);
    },
    ...(training && {
      updates(x) {
        const { own, rows } = centred(x);
        const [mean, variance] = [x[3], x[4]] as [Value, Value];
        const mix = (old: Value, fresh: Float64Array, scale: number): Value => ({
          shape: old.shape,
          data: old.data.map((v, c) => (1 - momentum) * v + momentum * scale * (fresh[c] ?? 0)),
        });
        return new Map([
          [3, mix(mean, own.mean, 1)],
          [4, mix(variance, own.variance, rows / (rows - 1))],
        ]);
      },
    }),
  };
}

/** The softmax cross-entropy of each row of logits [rows, classes] with its label. */
export const crossEntropy = (smoothing: number): Operation => {
  const softmax = (x: Value): { rows: number; classes: number; p: Float64Array } => {
    const [rows, classes] = x.shape as [number, number];
    const p = x.data.map(Math.exp);
    for (let r = 0; r < rows; r++) {
      const row = p.subarray(r * classes, (r + 1) * classes);
      const all = row.reduce((a, b) => a + b, 0);
      row.forEach((v, c) => {
        row[c] = v / all;
      });
    }
    return { rows, classes, p };
  };
  const target = (labels: Value, i: number, classes: number): number =>
    smoothing / classes +
    (read(labels, Math.floor(i / classes)) === i % classes ? 1 - smoothing : 0);
  const options = { labelSmoothing: smoothing, reduction: "none" } as const;
  return {
    name: "crossEntropy",
    label: `crossEntropy(smoothing ${smoothing})`,
    apply: ([x, labels]) => entropy(x as Tensor, labels as Tensor, options),
    forward([x, labels]) {
      const { rows, classes, p } = softmax(x as Value);
      const data = new Float64Array(rows);
      p.forEach((v, i) => {
        const r = Math.floor(i / classes);
        data[r] = (data[r] ?? 0) - target(labels as Value, i, classes) * Math.log(v);
      });
      return { shape: [rows], data };
    },
    backward(g, [x, labels]) {
      const { classes, p } = softmax(x as Value);
      const data = p.map(
        (v, i) => (v - target(labels as Value, i, classes)) * read(g, Math.floor(i / classes)),
      );
      return [{ shape: (x as Value).shape, data }, null];
    },
    suits: ([x, labels]) => x?.shape.length === 2 && x.shape[0] === labels?.data.length,
  };
};
