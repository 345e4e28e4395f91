import copyText from "../../../shaders/copy.wgsl";
import fillText from "../../../shaders/fill.wgsl";
import groupText from "../../../shaders/group.wgsl";
import { lowerMove as cpu } from "../cpu/lower-move.js";
import { float32Bits } from "../float32.js";
import { bytesPerElement } from "../storage.js";
import { reads, shader, writes } from "../webgpu/lowering.js";
import { lowerMove as webgpu } from "../webgpu/move.js";
import { linear, storedAs, vectorType } from "../webgpu/spread.js";
import { bytesOf, cost, type Kernels } from "./kernel.js";
import type { MovingCalls } from "./moving-call.js";

const copyShader = shader("copy", groupText, copyText);
const fillShader = shader("fill", groupText, fillText);

/** What a copy moves at a time, with its bytes: the largest that divides the slice. */
const copyTypes = [
  ["vec4u", 16],
  ["u32", 4],
  ["f16", 2],
] as const;

export const movingKernels: Kernels<MovingCalls> = {
  copy: {
    writes: ["dst"],
    cost: ({ src, dst }) => cost("copy", [dst.length], 0, bytesOf(src, dst)),
    webgpu(gpu, { src, dst }) {
      const bytes = dst.length * bytesPerElement(dst);
      const [V, size] = copyTypes.find(([, size]) => bytes % size === 0) ?? ["f16", 2];
      gpu.dispatch({
        shader: copyShader,
        constants: { V },
        bindings: [reads(src), writes(dst)],
        ...linear(gpu, bytes / size),
      });
    },
    cpu({ src, dst }, { address, command }) {
      command("copy", [address(src), address(dst), dst.length]);
    },
  },
  fill: {
    writes: ["dst"],
    cost: ({ dst }) => cost("fill", [dst.length], 0, bytesOf(dst)),
    webgpu(gpu, { dst, value }) {
      const { V, width } = vectorType(dst.length);
      gpu.dispatch({
        shader: fillShader,
        constants: { V, Stored: storedAs(dst, width) },
        bindings: [writes(dst)],
        ...linear(gpu, dst.length / width, float32Bits(value)),
      });
    },
    cpu({ dst, value }, { address, command }) {
      command("fill", [address(dst), float32Bits(value), dst.length]);
    },
  },
  move: {
    writes: ["out"],
    // What is read, written and, by adding, read again.
    cost({ out, shape, add }) {
      const elements = shape.reduce((a, b) => a * b, 1);
      const bytes = (add ? 3 : 2) * elements * bytesPerElement(out);
      return cost(add ? "move add" : "move", shape, add ? elements : 0, bytes);
    },
    ...{ webgpu, cpu },
  },
};
