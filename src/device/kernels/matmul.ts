import { lowerMatmul as cpu } from "../cpu/matmul.js";
import { lowerMatmul as webgpu } from "../webgpu/gemm.js";
import { bytesOf, cost, type Kernels } from "./kernel.js";
import type { MatmulCalls } from "./matmul-call.js";

export const matmulKernels: Kernels<MatmulCalls> = {
  matmul: {
    writes: ["out"],
    cost({ a, b, bias, out, batch, m, n, k }) {
      const shape = `${batch > 1 ? `${batch} of ` : ""}${m}x${k} ${k}x${n}`;
      return cost("matmul", shape, 2 * batch * m * n * k, bytesOf(a, b, bias, out));
    },
    ...{ webgpu, cpu },
  },
};
