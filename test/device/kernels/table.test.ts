import type { KernelName } from "../../../src/device/kernels.js";
import { kernelCases } from "../../../src/kernel-check/cases/index.js";
import { describeOnDevices } from "../../support/devices.js";
import { tableCases, testKernelCases } from "../../support/kernel-case.js";

/** Kernels whose own files here test more than the cases of the table. */
const elsewhere: readonly KernelName[] = [
  ...(["copy", "fill", "elementwise", "reduce", "matmul", "conv2d", "conv2dInference"] as const),
  ...(["conv2dInputGrad", "conv2dWeightGrad", "batchNorm", "batchNormInference"] as const),
  ...(["batchNormBackward", "batchNormStatistics", "pool2d", "pool2dBackward"] as const),
  ...(["softmaxCrossEntropy", "softmaxCrossEntropyBackward", "gatherRows"] as const),
  ...(["scatterAddRows", "oneHot", "augment", "random", "sgd", "adam", "adamCount"] as const),
  ...(["unscale", "updateScale", "multiplyAdd"] as const),
];

const others = (Object.keys(kernelCases) as KernelName[]).filter((k) => !elsewhere.includes(k));

describeOnDevices("the kernel table", (device) =>
  testKernelCases(
    device,
    others.flatMap((kernel) => tableCases(kernel)),
  ),
);
