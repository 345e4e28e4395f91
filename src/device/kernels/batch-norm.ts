import * as cpu from "../cpu/lower-norm.js";
import * as webgpu from "../webgpu/batch-norm.js";
import { lowerBatchNormBackward } from "../webgpu/batch-norm-backward.js";
import type { BatchNormCalls } from "./batch-norm-call.js";
import { bytesOf, cost, type Kernels } from "./kernel.js";

export const batchNormKernels: Kernels<BatchNormCalls> = {
  batchNorm: {
    writes: ["out", "mean", "invStd", "runningMean", "runningVar"],
    // Mean 1, centred variance 3, a multiply-add to normalise; the residual and the ReLU.
    cost({ x, residual, out, rows, channels, relu }) {
      const each = 6 + (residual ? 1 : 0) + (relu ? 1 : 0);
      const bytes = bytesOf(x, x, residual, out);
      return cost("batchNorm", [rows, channels], each * rows * channels, bytes);
    },
    webgpu: webgpu.lowerBatchNorm,
    cpu: cpu.lowerBatchNorm,
  },
  batchNormInference: {
    writes: ["out"],
    cost({ x, residual, out, rows, channels, relu }) {
      const each = 2 + (residual ? 1 : 0) + (relu ? 1 : 0);
      const bytes = bytesOf(x, residual, out);
      return cost("batchNormInference", [rows, channels], each * rows * channels, bytes);
    },
    webgpu: webgpu.lowerBatchNormInference,
    cpu: cpu.lowerBatchNormInference,
  },
  batchNormBackward: {
    writes: ["dx", "dgamma", "dbeta", "dresidual"],
    // The mask 1, dbeta 1, dgamma 3; two multiply-adds for dx, or without the sums one product.
    cost({ x, y, dy, dx, dgamma, dbeta, dresidual, rows, channels, relu, training }) {
      const sums = dgamma !== null || dbeta !== null || (dx !== null && training);
      const each = (relu ? 1 : 0) + (sums ? 4 : 0) + (dx ? (sums ? 4 : 1) : 0);
      const again = dx && sums ? bytesOf(x, dresidual ?? dy) : 0;
      const bytes = bytesOf(sums ? x : null, dy, relu ? y : null, dx, dresidual) + again;
      return cost("batchNormBackward", [rows, channels], each * rows * channels, bytes);
    },
    webgpu: lowerBatchNormBackward,
    cpu: cpu.lowerBatchNormBackward,
  },
  batchNormStatistics: {
    writes: ["mean", "invStd"],
    cost: ({ channels }) => cost("batchNormStatistics", [channels], 3 * channels, 16 * channels),
    webgpu: webgpu.lowerBatchNormStatistics,
    cpu: cpu.lowerBatchNormStatistics,
  },
};
