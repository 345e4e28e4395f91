import type { Conv2dShape } from "../../../src/device/kernels/conv2d-call.js";
import { describeOnDevices } from "../../support/devices.js";
import { kernelCase, testKernelCases } from "../../support/kernel-case.js";
import { output, uniform } from "../../support/random.js";
import { convShape } from "../../support/shapes.js";

const title = (s: Conv2dShape): string =>
  `[${s.n}, ${s.h}, ${s.w}, ${s.cIn}] by [${s.kh}, ${s.kw}, ${s.cIn}, ${s.cOut}], ` +
  `stride ${s.strideH}x${s.strideW}, padding ${s.padH}x${s.padW}`;

const sizeX = (s: Conv2dShape): number => s.n * s.h * s.w * s.cIn;
const sizeW = (s: Conv2dShape): number => s.kh * s.kw * s.cIn * s.cOut;
const sizeOut = (s: Conv2dShape): number => s.n * s.outH * s.outW * s.cOut;

/** The forward kernel and both gradients at one shape. */
const threeKernels = (s: Conv2dShape) => [
  kernelCase("conv2d", title(s), () => ({
    x: uniform(1, sizeX(s)),
    w: uniform(2, sizeW(s)),
    out: output(sizeOut(s)),
    shape: s,
  })),
  kernelCase("conv2dInputGrad", title(s), () => ({
    dy: uniform(3, sizeOut(s)),
    w: uniform(2, sizeW(s)),
    dx: output(sizeX(s)),
    shape: s,
  })),
  kernelCase("conv2dWeightGrad", title(s), () => ({
    x: uniform(1, sizeX(s)),
    dy: uniform(3, sizeOut(s)),
    dw: output(sizeW(s)),
    shape: s,
  })),
];

/** The convolution with its epilogue: with a residual and ReLU, with the residual, with neither. */
const epilogues = (s: Conv2dShape) =>
  [
    { residual: true, relu: true },
    { residual: true, relu: false },
    { residual: false, relu: true },
    { residual: false, relu: false },
  ].map(({ residual, relu }) =>
    kernelCase(
      "conv2dInference",
      `${title(s)}${residual ? ", residual" : ""}${relu ? ", relu" : ""}`,
      () => ({
        x: uniform(1, sizeX(s)),
        w: uniform(2, sizeW(s)),
        bias: uniform(4, s.cOut),
        residual: residual ? uniform(5, sizeOut(s)) : null,
        relu,
        out: output(sizeOut(s)),
        shape: s,
      }),
    ),
  );

const windows: readonly Conv2dShape[] = [
  convShape([1, 1, 1, 1], [1, 1, 1]),
  convShape([1, 3, 5, 1], [3, 3, 1], { pad: [1, 1] }),
  convShape([2, 7, 5, 3], [3, 3, 4], { pad: [1, 1] }),
  convShape([2, 7, 5, 4], [3, 3, 5], { stride: [2, 2], pad: [1, 1] }),
  convShape([1, 9, 11, 5], [2, 2, 3]),
  convShape([1, 9, 11, 5], [2, 2, 3], { stride: [2, 2] }),
  convShape([2, 8, 10, 3], [2, 3, 7], { stride: [1, 2], pad: [1, 0] }),
  convShape([1, 13, 11, 3], [5, 5, 4], { pad: [2, 2] }),
  convShape([1, 13, 11, 4], [5, 5, 4], { stride: [3, 3], pad: [2, 2] }),
  convShape([1, 17, 15, 3], [7, 7, 5], { stride: [2, 2], pad: [3, 3] }),
  convShape([1, 17, 15, 4], [7, 5, 4], { stride: [3, 1], pad: [3, 0] }),
  convShape([3, 6, 7, 16], [1, 1, 33]),
  convShape([3, 6, 7, 33], [1, 1, 16], { stride: [2, 2] }),
  convShape([2, 7, 7, 4], [1, 1, 4], { stride: [3, 3], pad: [1, 1] }),
  convShape([1, 4, 4, 2], [3, 3, 2], { pad: [3, 3] }),
  // The stride leaves the last rows and columns of the image without any window.
  convShape([1, 8, 9, 3], [3, 3, 4], { stride: [3, 3] }),
  convShape([1, 5, 6, 1], [1, 3, 1], { pad: [0, 1] }),
  convShape([5, 4, 4, 64], [3, 3, 33], { pad: [1, 1] }),
  convShape([3, 5, 3, 33], [3, 3, 64], { pad: [1, 1] }),
  convShape([2, 3, 3, 20], [3, 3, 12], { pad: [1, 1] }),
];

/** The convolutions of ResNet-18 on 32x32 images, each once. */
const resnet18: readonly Conv2dShape[] = [
  convShape([2, 32, 32, 4], [3, 3, 64], { pad: [1, 1] }),
  convShape([2, 32, 32, 64], [3, 3, 64], { pad: [1, 1] }),
  convShape([2, 32, 32, 64], [3, 3, 128], { stride: [2, 2], pad: [1, 1] }),
  convShape([2, 32, 32, 64], [1, 1, 128], { stride: [2, 2] }),
  convShape([2, 16, 16, 128], [3, 3, 256], { stride: [2, 2], pad: [1, 1] }),
  convShape([2, 8, 8, 256], [3, 3, 256], { pad: [1, 1] }),
  convShape([2, 8, 8, 256], [1, 1, 512], { stride: [2, 2] }),
  convShape([2, 4, 4, 512], [3, 3, 512], { pad: [1, 1] }),
];

/** Many pixels, few channels: the sum of a weight gradient runs over n * outH * outW. */
const longSums: readonly Conv2dShape[] = [
  convShape([64, 32, 32, 4], [3, 3, 4], { pad: [1, 1] }),
  convShape([17, 31, 33, 3], [3, 3, 5], { pad: [1, 1] }),
  convShape([13, 63, 61, 1], [1, 1, 3]),
  convShape([9, 33, 35, 5], [3, 3, 16], { stride: [2, 2], pad: [1, 1] }),
];

describeOnDevices("conv2d and its gradients", (device) =>
  testKernelCases(device, windows.flatMap(threeKernels)),
);
describeOnDevices("conv2d in ResNet-18", (device) =>
  testKernelCases(device, resnet18.flatMap(threeKernels)),
);
describeOnDevices("conv2d over many pixels", (device) =>
  testKernelCases(device, longSums.flatMap(threeKernels)),
);
describeOnDevices("conv2d with an epilogue", (device) =>
  testKernelCases(
    device,
    [
      convShape([2, 7, 5, 3], [3, 3, 5], { pad: [1, 1] }),
      convShape([3, 9, 7, 12], [3, 3, 20], { pad: [1, 1] }),
      convShape([3, 9, 7, 8], [1, 1, 9], { stride: [2, 2] }),
      // The Winograd schedules of many tiles and of many channels, and a GEMM of several blocks.
      convShape([6, 25, 31, 16], [3, 3, 12], { pad: [1, 1] }),
      convShape([2, 5, 6, 140], [3, 3, 36], { pad: [1, 1] }),
      convShape([3, 13, 11, 132], [3, 3, 21], { stride: [2, 2], pad: [1, 1] }),
    ].flatMap(epilogues),
  ),
);
