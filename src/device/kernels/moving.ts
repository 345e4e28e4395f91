import copyText from "../../../shaders/copy.wgsl";
import fillText from "../../../shaders/fill.wgsl";
import groupText from "../../../shaders/group.wgsl";
import { lowerPermute } from "../cpu/lower-elementwise.js";
import { firstOperand } from "../elementwise.js";
import { float32Bits } from "../float32.js";
import { bytesPerElement } from "../storage.js";
import { contiguousStrides } from "../webgpu/collapse.js";
import { lowerExpression } from "../webgpu/elementwise.js";
import { reads, shader, writes } from "../webgpu/lowering.js";
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
  permute: {
    writes: ["out"],
    cost: ({ x, out, shape }) => cost("permute", shape, 0, bytesOf(x, out)),
    webgpu(gpu, { x, out, shape, perm }) {
      const strides = contiguousStrides(shape);
      lowerExpression(gpu, "permute", firstOperand, {
        inputs: [{ slice: x, strides: perm.map((d) => strides[d] ?? 0) }],
        out,
        shape: perm.map((d) => shape[d] ?? 1),
        scalars: [0, 0],
      });
    },
    cpu: lowerPermute,
  },
};
