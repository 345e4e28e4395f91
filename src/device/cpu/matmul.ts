import type { MatmulCall } from "../kernels.js";
import type { Lowering } from "./lowering.js";

export function lowerMatmul(call: MatmulCall, lowering: Lowering): void {
  const { a, b, bias, out, batch, m, n, k, transA, transB, batchStrideA, batchStrideB } = call;
  const at = lowering.address.bind(lowering);
  lowering.command("matmul", [
    ...[at(a), at(b), bias ? at(bias) : 0, at(out)],
    ...[batch, m, n, k, Number(transA), Number(transB), batchStrideA, batchStrideB],
  ]);
}
