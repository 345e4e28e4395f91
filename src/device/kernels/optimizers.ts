import adamText from "../../../shaders/adam.wgsl";
import adamCountText from "../../../shaders/adam-count.wgsl";
import compareText from "../../../shaders/compare.wgsl";
import groupText from "../../../shaders/group.wgsl";
import mathText from "../../../shaders/math.wgsl";
import sgdText from "../../../shaders/sgd.wgsl";
import { optional } from "../cpu/lowering.js";
import type { Slice } from "../storage.js";
import { reads, shader, writes } from "../webgpu/lowering.js";
import { linear, mathTypes, vectorType } from "../webgpu/spread.js";
import { bytesOf, cost, type Kernels } from "./kernel.js";

export interface OptimizerCalls {
  /**
   * In place on params and velocity, PyTorch's rule: d = grad + weightDecay * param;
   * v := momentum * v + d; param -= lr * (nesterov ? d + momentum * v : v).
   * hyper (f32) = [lr, momentum, weightDecay, nesterov]. With `skip`, the state of a loss scale:
   * nothing happens if its third value is not 0.
   */
  sgd: { params: Slice; grads: Slice; velocity: Slice; hyper: Slice; skip: Slice | null };
  /**
   * Counts a step of Adam: count (f32) = [t, 1 - beta1^t, 1 - beta2^t] is brought from t to t + 1
   * (up to 2^24), the corrections from t alone. hyper and `skip` as for adam.
   */
  adamCount: { count: Slice; hyper: Slice; skip: Slice | null };
  /**
   * In place, PyTorch's rule, with the bias corrections that `adamCount` has left in `count`.
   * hyper (f32, 12 values) is what `adamHyper` gives; decoupled is AdamW (params -= lr * weightDecay
   * * params first). `skip` as for sgd.
   */
  adam: {
    params: Slice;
    grads: Slice;
    m: Slice;
    v: Slice;
    count: Slice;
    hyper: Slice;
    skip: Slice | null;
  };
}

const sgdShader = shader("sgd", groupText, sgdText);
const adamCountShader = shader("adam-count", compareText, mathText, adamCountText);
const adamShader = shader("adam", groupText, adamText);

export const optimizerKernels: Kernels<OptimizerCalls> = {
  sgd: {
    writes: ["params", "velocity"],
    cost({ params, grads, velocity }) {
      const bytes = bytesOf(params, params, grads, velocity, velocity);
      return cost("sgd", [params.length], 6 * params.length, bytes);
    },
    webgpu(gpu, { params, grads, velocity, hyper, skip }) {
      const { V, width } = vectorType(params.length);
      gpu.dispatch({
        shader: sgdShader,
        constants: { V, SKIPS: skip !== null },
        bindings: [
          ...[reads(grads), reads(hyper), writes(params), writes(velocity)],
          reads(skip ?? hyper),
        ],
        ...linear(gpu, params.length / width),
      });
    },
    cpu({ params, grads, velocity, hyper, skip }, lowering) {
      const slices = [params, grads, velocity, hyper].map(lowering.address);
      lowering.command("sgd", [...slices, params.length, optional(skip, lowering)]);
    },
  },
  adamCount: {
    writes: ["count"],
    cost: ({ count, hyper }) => cost("adamCount", [], 7, bytesOf(count, count, hyper)),
    webgpu(gpu, { count, hyper, skip }) {
      gpu.dispatch({
        shader: adamCountShader,
        constants: { ...mathTypes(1), SKIPS: skip !== null },
        bindings: [reads(hyper), writes(count), reads(skip ?? hyper)],
        workgroups: 1,
      });
    },
    cpu({ count, hyper, skip }, lowering) {
      const slices = [count, hyper, skip].map((slice) => optional(slice, lowering));
      lowering.command("adam_count", slices);
    },
  },
  adam: {
    writes: ["params", "m", "v"],
    cost: ({ params, grads, m, v }) =>
      cost("adam", [params.length], 14 * params.length, bytesOf(params, params, grads, m, m, v, v)),
    webgpu(gpu, { params, grads, m, v, count, hyper, skip }) {
      const { V, width } = vectorType(params.length);
      gpu.dispatch({
        shader: adamShader,
        constants: { V, SKIPS: skip !== null },
        bindings: [
          ...[reads(grads), reads(hyper), reads(count)],
          ...[writes(params), writes(m), writes(v), reads(skip ?? hyper)],
        ],
        ...linear(gpu, params.length / width),
      });
    },
    cpu({ params, grads, m, v, count, hyper, skip }, lowering) {
      const slices = [params, grads, m, v, count, hyper].map(lowering.address);
      lowering.command("adam", [...slices, params.length, optional(skip, lowering)]);
    },
  },
};
