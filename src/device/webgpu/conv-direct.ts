import compareText from "../../../shaders/compare.wgsl";
import convText from "../../../shaders/conv2d.wgsl";
import epilogueText from "../../../shaders/conv2d-epilogue.wgsl";
import inputGradText from "../../../shaders/conv2d-input-grad.wgsl";
import storeText from "../../../shaders/conv2d-store.wgsl";
import weightGradText from "../../../shaders/conv2d-weight-grad.wgsl";
import type { Conv2dCalls, Conv2dShape } from "../kernels/conv2d-call.js";
import { gemmShaders, reduceSplits, runGemm, splitsFor } from "./gemm-run.js";
import type { Constants, GpuLowering } from "./lowering.js";
import { mathTypes, storedAs } from "./spread.js";

const convShaders = gemmShaders("conv2d", [convText, storeText]);
const epilogueShaders = gemmShaders(
  "conv2d",
  [compareText, convText, epilogueText],
  "conv2d-epilogue",
);
const inputGradShaders = gemmShaders("conv2d-input-grad", [inputGradText]);
const weightGradShaders = gemmShaders("conv2d-weight-grad", [weightGradText]);

const hasVec4 = ({ cIn, cOut }: Conv2dShape): boolean => cIn % 4 === 0 && cOut % 4 === 0;

/** What inference does with a convolution's results before it stores them. */
export type Epilogue = Pick<Conv2dCalls["conv2dInference"], "bias" | "residual" | "relu">;

/** [n*outH*outW, kh*kw*cIn] x [kh*kw*cIn, cOut]. */
export function directConv2d(
  gpu: GpuLowering,
  call: Conv2dCalls["conv2d"],
  epilogue?: Epilogue,
): void {
  const s = call.shape;
  const m = s.n * s.outH * s.outW;
  const vec4 = hasVec4(s);
  runGemm(gpu, {
    shaders: epilogue ? epilogueShaders : convShaders,
    size: { m, n: s.cOut, k: s.kh * s.kw * s.cIn, count: 1, type: call.x.type },
    vec4,
    a: call.x,
    b: call.w,
    out: call.out,
    extra: epilogue ? [epilogue.bias, epilogue.residual ?? epilogue.bias] : [],
    constants: {
      ...{ A_ALONG_M: false, B_ALONG_K: false, TAIL_K: s.cIn % 4 !== 0 },
      ...(epilogue && epilogueConstants(epilogue, vec4)),
    },
    params: [
      ...[m, s.cOut, 1, s.cIn],
      ...[s.w, s.h, s.outW, s.outH, s.kw, s.kh, s.strideW, s.strideH, s.padW, s.padH],
    ],
  });
}

const epilogueConstants = ({ bias, residual, relu }: Epilogue, vec4: boolean): Constants => ({
  ...mathTypes(4),
  ...{ VEC4: vec4, RELU: relu, RESIDUAL: residual !== null },
  Bias: storedAs(bias, vec4 ? 4 : 1),
  Residual: storedAs(residual ?? bias, vec4 ? 4 : 1),
  Residuals: storedAs(residual ?? bias, 4),
});

/** For each stride phase: [n*h*w / phases, taps*cOut] x [taps*cOut, cIn]. */
export function directInputGrad(gpu: GpuLowering, call: Conv2dCalls["conv2dInputGrad"]): void {
  const s = call.shape;
  const phases = s.strideW * s.strideH;
  const m = s.n * Math.ceil(s.w / s.strideW) * Math.ceil(s.h / s.strideH);
  const taps = Math.ceil(s.kw / s.strideW) * Math.ceil(s.kh / s.strideH);
  runGemm(gpu, {
    shaders: inputGradShaders,
    size: { m, n: s.cIn, k: taps * s.cOut, count: phases, type: call.dy.type },
    vec4: hasVec4(s),
    a: call.dy,
    b: call.w,
    out: call.dx,
    constants: { A_ALONG_M: false, B_ALONG_K: true, TAIL_K: s.cOut % 4 !== 0 },
    params: [
      ...[m, s.cIn, phases, s.cOut],
      ...[s.w, s.h, s.outW, s.outH, s.kw, s.kh, s.strideW, s.strideH, s.padW, s.padH],
      s.n,
    ],
  });
}

/** [kh*kw*cIn, n*outH*outW] x [n*outH*outW, cOut], split over output rows. */
export function directWeightGrad(gpu: GpuLowering, call: Conv2dCalls["conv2dWeightGrad"]): void {
  const s = call.shape;
  const m = s.kh * s.kw * s.cIn;
  const rows = s.n * s.outH;
  const size = { m, n: s.cOut, k: rows * s.outW, count: 1, type: call.x.type };
  const rowsPerSplit = Math.ceil(rows / splitsFor(gpu, size, rows));
  const splits = Math.ceil(rows / rowsPerSplit);
  const target = splits > 1 ? gpu.scratch(splits * m * s.cOut) : call.dw;
  const vec4 = hasVec4(s);
  runGemm(gpu, {
    shaders: weightGradShaders,
    size: { ...size, k: rowsPerSplit * s.outW, count: splits },
    vec4,
    a: call.x,
    b: call.dy,
    out: target,
    constants: { A_ALONG_M: vec4, B_ALONG_K: false, TAIL_K: s.outW % 4 !== 0 },
    params: [
      ...[m, s.cOut, splits, s.outW],
      ...[s.w, s.h, s.outH, rows, s.strideW, s.strideH, s.padW, s.padH],
      ...[s.kw, s.cIn, rowsPerSplit],
    ],
  });
  if (splits > 1) reduceSplits(gpu, target, call.dw, null, size, splits);
}
