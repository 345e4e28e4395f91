import { a, add, b, c, max } from "../elementwise.js";
import type { KernelCalls } from "../kernels.js";
import { lowerConv2d } from "./conv.js";
import { lowerExpression } from "./elementwise.js";
import type { GpuLowering } from "./lowering.js";

/** The convolution into scratch memory, then its epilogue in one pass. */
export function lowerConv2dInference(gpu: GpuLowering, call: KernelCalls["conv2dInference"]): void {
  const { x, w, bias, residual, relu, out, shape } = call;
  const product = gpu.scratch(out.length);
  lowerConv2d(gpu, { x, w, out: product, shape });
  const channels = shape.cOut;
  const full = [channels, 1];
  const added = residual ? add(add(a, b), c) : add(a, b);
  const expression = relu ? max(added, 0) : added;
  lowerExpression(gpu, `epilogue${residual ? " residual" : ""}${relu ? " relu" : ""}`, expression, {
    inputs: [
      { slice: product, strides: full },
      { slice: bias, strides: [0, 1] },
      ...(residual ? [{ slice: residual, strides: full }] : []),
    ],
    out,
    shape: [out.length / channels, channels],
    scalars: [0, 0],
  });
}
