import groupText from "../../../shaders/group.wgsl";
import unscaleText from "../../../shaders/unscale.wgsl";
import updateText from "../../../shaders/update-scale.wgsl";
import { float32Bits } from "../float32.js";
import type { Slice } from "../storage.js";
import { shader, writes } from "../webgpu/lowering.js";
import { linear, mathTypes, vectorType } from "../webgpu/spread.js";
import { bytesOf, cost, type Kernels } from "./kernel.js";

export interface LossScaleCalls {
  /**
   * In place: grads := grads / state[0]; state[2] := 1 if one of them is infinite or NaN.
   * state (f32) = [loss scale, good steps since it changed, found, steps skipped].
   */
  unscale: { grads: Slice; state: Slice };
  /**
   * Dynamic loss scaling, after PyTorch's GradScaler: if found, scale *= backoff, good := 0,
   * found := 0, skipped += 1; else good += 1, and when it reaches `interval`, good := 0 and
   * scale *= growth unless that overflows.
   */
  updateScale: { state: Slice; growth: number; backoff: number; interval: number };
}

const unscaleShader = shader("unscale", groupText, unscaleText);
const updateShader = shader("updateScale", updateText);

export const lossScaleKernels: Kernels<LossScaleCalls> = {
  unscale: {
    writes: ["grads", "state"],
    cost: ({ grads }) => cost("unscale", [grads.length], grads.length, bytesOf(grads, grads)),
    webgpu(gpu, { grads, state }) {
      const { width } = vectorType(grads.length);
      gpu.dispatch({
        shader: unscaleShader,
        constants: mathTypes(width),
        bindings: [writes(grads), writes(state)],
        ...linear(gpu, grads.length / width),
      });
    },
    cpu({ grads, state }, { address, command }) {
      command("unscale", [address(grads), address(state), grads.length]);
    },
  },
  updateScale: {
    writes: ["state"],
    cost: ({ state }) => cost("updateScale", [], 1, bytesOf(state, state)),
    webgpu(gpu, { state, growth, backoff, interval }) {
      gpu.dispatch({
        shader: updateShader,
        bindings: [writes(state)],
        params: [growth, backoff, interval].map(float32Bits),
        workgroups: 1,
      });
    },
    cpu({ state, growth, backoff, interval }, { address, command }) {
      command("update_scale", [address(state), ...[growth, backoff, interval].map(float32Bits)]);
    },
  },
};
