import compareText from "../../../shaders/compare.wgsl";
import winogradText from "../../../shaders/conv2d-winograd.wgsl";
import filterText from "../../../shaders/conv2d-winograd-filter.wgsl";
import inputText from "../../../shaders/conv2d-winograd-input.wgsl";
import outputText from "../../../shaders/conv2d-winograd-output.wgsl";
import weightGradText from "../../../shaders/conv2d-winograd-weight-grad.wgsl";
import groupText from "../../../shaders/group.wgsl";
import type { Conv2dCalls, Conv2dShape } from "../kernels/conv2d-call.js";
import type { Slice } from "../storage.js";
import type { Epilogue } from "./conv-direct.js";
import { lowerMatmul } from "./gemm.js";
import { type GpuLowering, reads, shader, writes } from "./lowering.js";
import { mathTypes, storedAs } from "./spread.js";

const inputShader = shader("winograd-input", groupText, winogradText, inputText);
const filterShader = shader("winograd-filter", groupText, winogradText, filterText);
const outputShader = shader("winograd-output", groupText, compareText, winogradText, outputText);
const weightGradShader = shader("winograd-weight-grad", groupText, winogradText, weightGradText);

/** Products of one tile: F(4x4, 3x3) works on tiles of 6x6. */
const points = 36;

/** What the tiles of an image are cut from: `pad` zeros around it, tiles 4 outputs apart. */
interface Tiling {
  readonly n: number;
  readonly across: number;
  readonly down: number;
}

const tilingOf = (n: number, outW: number, outH: number): Tiling => ({
  n,
  across: Math.ceil(outW / 4),
  down: Math.ceil(outH / 4),
});

const tilesOf = ({ n, across, down }: Tiling): number => n * across * down;

/** Whether F(4x4, 3x3) can compute a convolution and its gradients. */
export const isWinograd = (s: Conv2dShape): boolean =>
  s.kh === 3 && s.kw === 3 && s.strideH === 1 && s.strideW === 1 && s.padH <= 2 && s.padW <= 2;

/** The elements of the largest scratch memory that the transforms of a convolution need. */
export function winogradElements(s: Conv2dShape): number {
  const tiles = tilesOf(tilingOf(s.n, Math.max(s.w, s.outW), Math.max(s.h, s.outH)));
  return points * Math.max(tiles * Math.max(s.cIn, s.cOut), s.cIn * s.cOut);
}

export function winogradConv2d(
  gpu: GpuLowering,
  { x, w, out, shape: s }: Conv2dCalls["conv2d"],
  epilogue?: Epilogue,
): void {
  const tiling = tilingOf(s.n, s.outW, s.outH);
  const inputs = transformTiles(gpu, x, [s.w, s.h], [s.padW, s.padH], s.cIn, tiling, false);
  const filters = transformFilters(gpu, w, s, false);
  const products = multiply(gpu, inputs, filters, tilesOf(tiling), s.cOut, s.cIn, false);
  transformOutputs(gpu, products, out, [s.outW, s.outH], s.cOut, tiling, epilogue);
}

/** The gradient of the input is dy convolved with the filter turned by 180 degrees. */
export function winogradInputGrad(
  gpu: GpuLowering,
  { dy, w, dx, shape: s }: Conv2dCalls["conv2dInputGrad"],
) {
  const tiling = tilingOf(s.n, s.w, s.h);
  const pad = [2 - s.padW, 2 - s.padH] as const;
  const inputs = transformTiles(gpu, dy, [s.outW, s.outH], pad, s.cOut, tiling, false);
  const filters = transformFilters(gpu, w, s, true);
  const products = multiply(gpu, inputs, filters, tilesOf(tiling), s.cIn, s.cOut, false);
  transformOutputs(gpu, products, dx, [s.w, s.h], s.cIn, tiling);
}

export function winogradWeightGrad(
  gpu: GpuLowering,
  { x, dy, dw, shape: s }: Conv2dCalls["conv2dWeightGrad"],
) {
  const tiling = tilingOf(s.n, s.outW, s.outH);
  const inputs = transformTiles(gpu, x, [s.w, s.h], [s.padW, s.padH], s.cIn, tiling, false);
  const gradients = transformTiles(gpu, dy, [s.outW, s.outH], [0, 0], s.cOut, tiling, true);
  const products = multiply(gpu, inputs, gradients, s.cIn, s.cOut, tilesOf(tiling), true);
  gpu.dispatch({
    shader: weightGradShader,
    constants: { Weight: storedAs(dw, 1) },
    bindings: [reads(products), writes(dw)],
    params: [s.cIn * s.cOut],
    workgroups: Math.ceil((s.cIn * s.cOut) / 64),
  });
}

function transformTiles(
  gpu: GpuLowering,
  image: Slice,
  size: readonly [w: number, h: number],
  pad: readonly [w: number, h: number],
  channels: number,
  tiling: Tiling,
  gradient: boolean,
): Slice {
  const tiles = tilesOf(tiling);
  const out = gpu.scratch(points * tiles * channels);
  gpu.dispatch({
    shader: inputShader,
    constants: { GRADIENT: gradient, Pixel: storedAs(image, 1) },
    bindings: [reads(image), writes(out)],
    params: [...size, tiling.across, tiling.down, ...pad, channels, tiles],
    workgroups: Math.ceil((tiles * channels) / 64),
  });
  return out;
}

function transformFilters(gpu: GpuLowering, w: Slice, s: Conv2dShape, flipped: boolean): Slice {
  const out = gpu.scratch(points * s.cIn * s.cOut);
  gpu.dispatch({
    shader: filterShader,
    constants: { FLIPPED: flipped, Weight: storedAs(w, 1) },
    bindings: [reads(w), writes(out)],
    params: [s.cIn, s.cOut],
    workgroups: Math.ceil((s.cIn * s.cOut) / 64),
  });
  return out;
}

/** 36 products [m, k] x [k, n], the first factors stored [k, m] if transA. */
function multiply(
  gpu: GpuLowering,
  a: Slice,
  b: Slice,
  m: number,
  n: number,
  k: number,
  transA: boolean,
): Slice {
  const out = gpu.scratch(points * m * n);
  lowerMatmul(gpu, {
    ...{ a, b, bias: null, out, batch: points, m, n, k, transA, transB: false },
    ...{ batchStrideA: m * k, batchStrideB: k * n },
  });
  return out;
}

function transformOutputs(
  gpu: GpuLowering,
  products: Slice,
  image: Slice,
  size: readonly [w: number, h: number],
  channels: number,
  tiling: Tiling,
  epilogue?: Epilogue,
): void {
  const tiles = tilesOf(tiling);
  const { bias = products, residual, relu = false } = epilogue ?? {};
  gpu.dispatch({
    shader: outputShader,
    constants: {
      ...{ BIAS: epilogue !== undefined, RESIDUAL: !!residual, RELU: relu },
      ...mathTypes(1),
      Pixel: storedAs(image, 1),
    },
    bindings: [reads(products), writes(image), reads(bias), reads(residual ?? products)],
    params: [...size, tiling.across, tiling.down, channels, tiles],
    workgroups: Math.ceil((tiles * channels) / 64),
  });
}
