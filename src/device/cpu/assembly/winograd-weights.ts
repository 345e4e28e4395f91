// Filters into the transformed domain: G g G^T, as B panels.
import { Weight, inputSide, mapSquare } from "./winograd-transforms";
import { packTransposed } from "./gemm-pack";
import { threadScratch } from "./runtime";

const SQUARE: usize = 0;
/** Nine taps of 4 x 8 floats. */
const TAPS: usize = 4096;

/** Bytes of one product's panel of `k` rows; a cache line more keeps products in different sets. */
// @ts-ignore: decorator
@inline
export function weightPanelBytes(k: i32): usize {
  return (<usize>k << 5) + 64;
}

/**
 * Input channels [k0, k1) and 8 output channels from n0 of w [3, 3, k, n] -> [product][k1 - k0][8].
 * `flipped` is for the input gradient: w is [3, 3, n, k] and taps run backwards.
 */
export function transformWeights<F>(
  w: usize, k: i32, n: i32, flipped: bool, n0: i32, k0: i32, k1: i32, to: usize,
  productBytes: usize,
): void {
  const side = <usize>inputSide<F>();
  const square = threadScratch + SQUARE, taps = threadScratch + TAPS;
  const tapBytes = <usize>(k * n) << 2;
  const halves: usize = n - n0 > 4 ? 2 : 1;
  if (!flipped) {
    for (let c = k0; c < k1; c++, to += 32) {
      const from = w + (<usize>(c * n + n0) << 2);
      for (let half: usize = 0; half < halves; half++) {
        mapSquare<Weight, F>(
          from + (half << 4), 3 * tapBytes, tapBytes, square, to + (half << 4),
          productBytes * side, productBytes,
        );
      }
    }
    return;
  }
  for (let c = k0; c < k1; c += 4) {
    for (let tap = 0; tap < 9; tap++) {
      const from = w + <usize>tap * tapBytes + (<usize>(n0 * k + c) << 2);
      packTransposed(from, <usize>k << 2, min(8, n - n0), 4, taps + (<usize>(8 - tap) << 7));
    }
    for (let i: usize = 0; i < 4; i++, to += 32) {
      for (let half: usize = 0; half < halves; half++) {
        mapSquare<Weight, F>(
          taps + (i << 5) + (half << 4), 384, 128, square, to + (half << 4), productBytes * side,
          productBytes,
        );
      }
    }
  }
}
