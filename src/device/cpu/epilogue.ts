/**
 * What a kernel does to its result while that is still in the cache:
 * relu?(result + bias[column] + residual). Byte addresses, 0 for none.
 */
export interface Epilogue {
  readonly bias: number;
  readonly residual: number;
  readonly relu: boolean;
}

export const noEpilogue: Epilogue = { bias: 0, residual: 0, relu: false };

/** See Epilogue in assembly/epilogue.ts. */
export const epilogueWords = (e: Epilogue): number[] => [e.bias, e.residual, Number(e.relu)];
