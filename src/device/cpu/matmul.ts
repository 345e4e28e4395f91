import type { MatmulCall } from "../kernels/matmul-call.js";
import { noEpilogue } from "./epilogue.js";
import type { Lowering } from "./lowering.js";
import { matrixGrid, multiplyColumns, multiplyRows, packPanels } from "./matmul-gemm.js";

export function lowerMatmul(call: MatmulCall, lowering: Lowering): void {
  const { batch, m, n, k, transA, transB } = call;
  const x = lowering.address(call.a);
  const out = lowering.address(call.out);
  const bias = call.bias ? lowering.address(call.bias) : 0;
  const strideX = call.batchStrideA;
  const b = lowering.address(call.b);
  if (transA) {
    const strideY = call.batchStrideB;
    const sides = { x, y: b, bias, out, batch, strideX, strideY };
    const grid = matrixGrid(k);
    multiplyColumns(lowering, { ...sides, points: k, n, k: m, transposedY: transB, grid });
    return;
  }
  const groups = call.batchStrideB === 0 ? 1 : batch;
  const stride = call.batchStrideB;
  const packed = packPanels(lowering, b, { groups, stride, n, k, transposed: transB, taps: [0] });
  const sides = { x, packed, out, batch, strideX, strideOut: m * n };
  const epilogue = { ...noEpilogue, bias };
  multiplyRows(lowering, { ...sides, epilogue, rows: m, n, k, grid: matrixGrid(m) });
}
