import groupText from "../../../shaders/group.wgsl";
import multiplyAddText from "../../../shaders/multiply-add.wgsl";
import type { Slice } from "../storage.js";
import { shader, writes } from "../webgpu/lowering.js";
import { bytesOf, cost, type Kernels } from "./kernel.js";

export interface PeakCalls {
  /**
   * Arithmetic without memory, to measure a device's peak: out[i] := x after `rounds` times
   * x := x / 2 + 1 from x = i / length; 2 * length * rounds operations.
   */
  multiplyAdd: { out: Slice; rounds: number };
}

const multiplyAddShader = shader("multiply-add", groupText, multiplyAddText);

/** Elements a workgroup works on: 64 invocations, 32 each. */
const elementsPerGroup = 64 * 32;

export const peakKernels: Kernels<PeakCalls> = {
  multiplyAdd: {
    writes: ["out"],
    cost: ({ out, rounds }) =>
      cost("multiplyAdd", [out.length], 2 * out.length * rounds, bytesOf(out)),
    webgpu(gpu, { out, rounds }) {
      gpu.dispatch({
        shader: multiplyAddShader,
        bindings: [writes(out)],
        params: [out.length, rounds],
        workgroups: Math.ceil(out.length / elementsPerGroup),
      });
    },
    cpu({ out, rounds }, { address, command }) {
      command("multiply_add", [address(out), out.length, rounds]);
    },
  },
};
