import type { Slice } from "../storage.js";

export interface MatmulCalls {
  matmul: MatmulCall;
}

/** out[b,m,n] := sum_k A[b,m,k] * B[b,k,n] (+ bias[n]); A is stored [k,m] if transA, B [n,k] if transB. */
export interface MatmulCall {
  a: Slice;
  b: Slice;
  bias: Slice | null;
  out: Slice;
  batch: number;
  m: number;
  n: number;
  k: number;
  transA: boolean;
  transB: boolean;
  /** Elements from one batch entry to the next; 0 repeats the same matrix. */
  batchStrideA: number;
  batchStrideB: number;
}
