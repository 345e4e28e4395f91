import matmulText from "../../../shaders/matmul.wgsl";
import type { MatmulCall } from "../kernels/matmul-call.js";
import { gemmShaders, reduceSplits, runGemm, splitsFor } from "./gemm-run.js";
import type { GpuLowering } from "./lowering.js";

const shaders = gemmShaders("matmul", [matmulText]);

/** Steps of k that one split adds at least. */
const stepsPerSplit = 256;

export function lowerMatmul(gpu: GpuLowering, call: MatmulCall): void {
  const { a, b, bias, out, batch, m, n, k, transA, transB, batchStrideA, batchStrideB } = call;
  const size = { m, n, k, count: batch, type: a.type };
  const wanted = splitsFor(gpu, size, Math.ceil(k / stepsPerSplit));
  const segment = Math.ceil(k / wanted / 4) * 4;
  const splits = Math.ceil(k / segment);
  const target = splits > 1 ? gpu.scratch(batch * splits * m * n) : out;
  const contiguous = [transA ? m : k, transB ? k : n, n, batchStrideA, batchStrideB];
  runGemm(gpu, {
    shaders,
    size: { ...size, count: batch * splits },
    vec4: contiguous.every((length) => length % 4 === 0),
    a,
    b,
    out: target,
    extra: [splits === 1 && bias ? bias : b],
    constants: {
      A_ALONG_M: transA,
      B_ALONG_K: transB,
      TAIL_K: k % 4 !== 0 || splits > 1,
      HAS_BIAS: splits === 1 && bias !== null,
    },
    params: [m, n, batch * splits, segment, k, splits, batchStrideA, batchStrideB],
  });
  if (splits > 1) reduceSplits(gpu, target, out, bias, size, splits);
}
