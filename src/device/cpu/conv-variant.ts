import type { Conv2dShape } from "../kernels.js";
import { winogradApplies } from "./winograd.js";

export type ConvPass = "forward" | "inputGrad" | "weightGrad";
/** Implicit GEMM; Winograd with tiles of 2x2 or 4x4 outputs. */
export type ConvVariant = "gemm" | "winograd2" | "winograd4";

let forced: ConvVariant | null = null;

/** The variant by which the CPU device computes a convolution or one of its gradients. */
export function convVariant(_pass: ConvPass, s: Conv2dShape): ConvVariant {
  if (!winogradApplies(s)) return "gemm";
  if (forced) return forced;
  return "winograd4";
}

/** Runs `body` with one variant wherever it applies: for tests and benchmarks. */
export function withConvVariant<T>(variant: ConvVariant, body: () => T): T {
  const outer = forced;
  forced = variant;
  try {
    return body();
  } finally {
    forced = outer;
  }
}
