import { DeviceError } from "../errors.js";
import type { Conv2dCalls, Conv2dShape } from "../kernels/conv2d-call.js";
import type { Slice } from "../storage.js";
import { directConv2d, directInputGrad, directWeightGrad, type Epilogue } from "./conv-direct.js";
import {
  isWinograd,
  winogradConv2d,
  winogradElements,
  winogradInputGrad,
  winogradWeightGrad,
} from "./conv-winograd.js";
import { gemmVariants } from "./gemm-variants.js";
import type { GpuLowering } from "./lowering.js";

export function lowerConv2d(gpu: GpuLowering, call: Conv2dCalls["conv2d"]): void {
  forward(gpu, call);
}

export function lowerConv2dInference(gpu: GpuLowering, call: Conv2dCalls["conv2dInference"]): void {
  const { bias, residual, relu } = call;
  forward(gpu, call, { bias, residual, relu });
}

/** Tuning measures both alike: its operands are no model's, and it has no epilogue. */
function forward(gpu: GpuLowering, call: Conv2dCalls["conv2d"], epilogue?: Epilogue): void {
  const { shape } = call;
  const slices = [call.x, call.w, call.out] as const;
  runConv(gpu, "conv2d", shape, slices, (lowering, winograd, [x, w, out]) => {
    const own = out === call.out ? epilogue : undefined;
    (winograd ? winogradConv2d : directConv2d)(lowering, { x, w, out, shape }, own);
  });
}

export function lowerConv2dInputGrad(gpu: GpuLowering, call: Conv2dCalls["conv2dInputGrad"]): void {
  const slices = [call.dy, call.w, call.dx] as const;
  runConv(gpu, "conv2d-input-grad", call.shape, slices, (lowering, winograd, [dy, w, dx]) => {
    (winograd ? winogradInputGrad : directInputGrad)(lowering, { dy, w, dx, shape: call.shape });
  });
}

export function lowerConv2dWeightGrad(
  gpu: GpuLowering,
  call: Conv2dCalls["conv2dWeightGrad"],
): void {
  const slices = [call.x, call.dy, call.dw] as const;
  runConv(gpu, "conv2d-weight-grad", call.shape, slices, (lowering, winograd, [x, dy, dw]) => {
    (winograd ? winogradWeightGrad : directWeightGrad)(lowering, { x, dy, dw, shape: call.shape });
  });
}

/** How a 3x3 convolution with stride 1 can be computed. */
export const convAlgorithms = ["direct", "winograd"] as const;
type Algorithm = (typeof convAlgorithms)[number];

type Operands = readonly [Slice, Slice, Slice];

/** Runs a convolution by the algorithm chosen for its shape, or else by the preset. */
function runConv(
  gpu: GpuLowering,
  operation: string,
  shape: Conv2dShape,
  operands: Operands,
  run: (lowering: GpuLowering, winograd: boolean, operands: Operands) => void,
): void {
  if (!isWinograd(shape) || winogradElements(shape) > mostScratch) {
    run(gpu, false, operands);
    return;
  }
  const { n, outH, outW, cIn, cOut } = shape;
  const preset: Algorithm = winogradPays(gpu, shape) ? "winograd" : "direct";
  const half = operands[0].type === "f16" ? " f16" : "";
  const shapeClass = `convolution ${operation}${half} ${n}x${outH}x${outW} ${cIn}-${cOut}`;
  const chosen = gpu.variants.choose(shapeClass, () => ({
    shapeClass,
    names: convAlgorithms,
    preset,
    operands,
    flops: 2 * n * outH * outW * cIn * cOut * 9,
    run: (lowering, variant, [first, second, third]) => {
      if (!first || !second || !third) throw new Error("a convolution has three operands");
      run(lowering, variant === "winograd", [first, second, third]);
    },
  }));
  const known = convAlgorithms.find((name) => name === chosen);
  // "*" forces tiles for the products, and leaves the algorithm to the preset.
  if (!known && chosen !== undefined && !Object.hasOwn(gemmVariants, chosen)) {
    const names = convAlgorithms.join(", ");
    throw new DeviceError(`a convolution has no variant "${chosen}"; it has: ${names}`);
  }
  const variant = known ?? preset;
  gpu.variants.ran(shapeClass, variant, preset);
  run(gpu, variant === "winograd", operands);
}

/** Elements of scratch memory, 64 MiB, above which the transformed tiles are not worth having. */
const mostScratch = 2 ** 24;

/** Tiles below which transforming the filters costs more than their products save. */
const fewestTiles = 12;

/**
 * On a software adapter arithmetic and loads count, of which F(4x4, 3x3) needs about half when
 * there are channels to share its transforms and the tiles are not mostly padding. On a GPU its
 * memory traffic counts as much: there only measuring tells (docs/webgpu-kernels.md).
 */
function winogradPays(gpu: GpuLowering, { n, cIn, cOut, outW, outH }: Conv2dShape): boolean {
  const tiles = n * Math.ceil(outW / 4) * Math.ceil(outH / 4);
  const padded = tiles * 16 >= 2 * n * outW * outH;
  return gpu.software && Math.min(cIn, cOut) >= 12 && tiles >= fewestTiles && !padded;
}
