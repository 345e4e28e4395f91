import compareText from "../../../shaders/compare.wgsl";
import groupText from "../../../shaders/group.wgsl";
import mathText from "../../../shaders/math.wgsl";
import forwardText from "../../../shaders/softmax-cross-entropy.wgsl";
import backwardText from "../../../shaders/softmax-cross-entropy-backward.wgsl";
import { float32Bits } from "../float32.js";
import type { Slice } from "../storage.js";
import { reads, shader, writes } from "../webgpu/lowering.js";
import { mathTypes, perGroup } from "../webgpu/spread.js";
import { bytesOf, cost, type Kernels } from "./kernel.js";

interface Shape {
  rows: number;
  classes: number;
  on: number;
  off: number;
}

export interface CrossEntropyCalls {
  /**
   * loss[r] := -sum_c t[c] * logSoftmax(logits[r])[c], t = on at labels[r] (u32), off elsewhere;
   * probabilities[r, c] := softmax. A label >= classes gives a NaN loss for that row.
   */
  softmaxCrossEntropy: Shape & {
    logits: Slice;
    labels: Slice;
    loss: Slice;
    probabilities: Slice;
  };
  /** dlogits[r, c] := dloss[r] * (probabilities[r, c] * (on + off * (classes - 1)) - t[c]). */
  softmaxCrossEntropyBackward: Shape & {
    probabilities: Slice;
    labels: Slice;
    dloss: Slice;
    dlogits: Slice;
  };
}

const forwardShader = shader("softmaxCrossEntropy", groupText, compareText, mathText, forwardText);
const backwardShader = shader("softmaxCrossEntropyBackward", groupText, backwardText);

export const crossEntropyKernels: Kernels<CrossEntropyCalls> = {
  softmaxCrossEntropy: {
    writes: ["loss", "probabilities"],
    // Maximum, difference, exponential, sum, quotient.
    cost({ logits, labels, loss, probabilities, rows, classes }) {
      const bytes = bytesOf(logits, labels, loss, probabilities);
      return cost("softmaxCrossEntropy", [rows, classes], 5 * rows * classes, bytes);
    },
    webgpu(gpu, { logits, labels, loss, probabilities, rows, classes, on, off }) {
      const lanesPerRow = classes <= 32 ? 1 : 64;
      const numbers = [on, off, Number.NaN, Number.NEGATIVE_INFINITY];
      gpu.dispatch({
        shader: forwardShader,
        constants: { ...mathTypes(1), LANES: lanesPerRow },
        bindings: [...[logits, labels].map(reads), ...[loss, probabilities].map(writes)],
        params: [rows, classes, ...numbers.map(float32Bits)],
        workgroups: perGroup(rows * lanesPerRow, 64),
      });
    },
    cpu({ logits, labels, loss, probabilities, rows, classes, on, off }, { address, command }) {
      command("softmax_cross_entropy", [
        ...[logits, labels, loss, probabilities].map(address),
        ...[rows, classes, float32Bits(on), float32Bits(off)],
      ]);
    },
  },
  softmaxCrossEntropyBackward: {
    writes: ["dlogits"],
    cost({ probabilities, labels, dloss, dlogits, rows, classes }) {
      const bytes = bytesOf(probabilities, labels, dloss, dlogits);
      return cost("softmaxCrossEntropyBackward", [rows, classes], 3 * rows * classes, bytes);
    },
    webgpu(gpu, { probabilities, labels, dloss, dlogits, rows, classes, on, off }) {
      gpu.dispatch({
        shader: backwardShader,
        bindings: [...[probabilities, labels, dloss].map(reads), writes(dlogits)],
        params: [rows * classes, classes, float32Bits(on), float32Bits(off)],
        workgroups: perGroup(rows * classes, 64),
      });
    },
    cpu({ probabilities, labels, dloss, dlogits, rows, classes, on, off }, { address, command }) {
      command("softmax_cross_entropy_backward", [
        ...[probabilities, labels, dloss, dlogits].map(address),
        ...[rows, classes, float32Bits(on), float32Bits(off)],
      ]);
    },
  },
};
