import type { HostCall } from "../support/host-call.js";

/** Indexes directly: an index out of range makes NaN, which no comparison lets pass. */
export function matmul(call: HostCall<"matmul">): void {
  const { a, b, bias, out, batch, m, n, k, transA, transB, batchStrideA, batchStrideB } = call;
  for (let z = 0; z < batch; z++) {
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = bias ? (bias[j] ?? Number.NaN) : 0;
        for (let l = 0; l < k; l++) {
          const fromA = z * batchStrideA + (transA ? l * m + i : i * k + l);
          const fromB = z * batchStrideB + (transB ? j * k + l : l * n + j);
          sum += (a[fromA] ?? Number.NaN) * (b[fromB] ?? Number.NaN);
        }
        out[(z * m + i) * n + j] = sum;
      }
    }
  }
}
