import type { Constants } from "./lowering.js";

/** What every GEMM has: out[z] = A[z] * B[z], `count` times [m, k] x [k, n]. */
export interface GemmSize {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly count: number;
}

/** One way to tile a GEMM: a tile loop and its sizes. */
export interface GemmVariant {
  readonly name: string;
  readonly loop: "registers";
  readonly tileM: number;
  readonly tileN: number;
  readonly constants: Constants;
}

function registers(blocksM: number, blocksN: number, lanesM: number, lanesN: number): GemmVariant {
  const tileM = 4 * blocksM * lanesM;
  const tileN = 4 * blocksN * lanesN;
  return {
    name: `registers-${4 * blocksM}x${4 * blocksN}-${lanesM}x${lanesN}`,
    loop: "registers",
    tileM,
    tileN,
    constants: { BLOCKS_M: blocksM, BLOCKS_N: blocksN, LANES_M: lanesM, LANES_N: lanesN },
  };
}

export const gemmVariants: readonly GemmVariant[] = [
  registers(2, 2, 4, 2),
  registers(2, 2, 8, 1),
  registers(1, 2, 4, 2),
  registers(1, 1, 4, 2),
  registers(1, 1, 8, 8),
];
