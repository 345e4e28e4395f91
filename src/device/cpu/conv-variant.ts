import type { KernelChoice } from "../choices.js";
import { type Conv2dShape, describeConv } from "../kernels/conv2d-call.js";
import { winogradApplies } from "./winograd.js";

export type ConvPass = "forward" | "inputGrad" | "weightGrad";
/** Implicit GEMM; Winograd with tiles of 2x2 or 4x4 outputs. */
export type ConvVariant = "gemm" | "winograd2" | "winograd4";

/**
 * Cycles of one thread on Zen 3 (128-bit SIMD with FMA). winograd4's input and output come from a
 * profile at 16 channels, the others are estimates; docs/cpu-convolution.md has measured times.
 * a 4x8 tile does a step of its inner dimension in 4 cycles and costs 40 besides; packing copies 4
 * channels of a tap in 4; a transform of 4 channels of a tile as listed, of 4 filters in `filter`.
 */
const costs = {
  ...{ step: 4 / 32, tile: 40 / 32, pack: 4 },
  winograd2: { products: 16, side: 2, input: 70, output: 50, filter: 50 },
  winograd4: { products: 36, side: 4, input: 180, output: 160, filter: 100 },
} as const;

/** Estimated cycles of one thread; Infinity where the variant does not apply. */
export function convCost(variant: ConvVariant, pass: ConvPass, s: Conv2dShape): number {
  const backward = pass === "inputGrad";
  const [k, n] = backward ? [s.cOut, s.cIn] : [s.cIn, s.cOut];
  const columns = 8 * Math.ceil(n / 8);
  // An inner dimension over pixels is long: what a tile costs besides does not show.
  const tileCost = pass === "weightGrad" ? 0 : costs.tile;
  if (variant === "gemm") {
    const points = s.n * s.outH * s.outW;
    const taps = s.kh * s.kw;
    const multiply = columns * (taps * k * costs.step + Math.ceil((taps * k) / 512) * tileCost);
    return points * (multiply + taps * Math.ceil(k / 4) * costs.pack);
  }
  if (!winogradApplies(s)) return Number.POSITIVE_INFINITY;
  const { products, side, input, output, filter } = costs[variant];
  const [h, w] = backward ? [s.h, s.w] : [s.outH, s.outW];
  const tiles = s.n * Math.ceil(h / side) * Math.ceil(w / side);
  const multiply = products * columns * (k * costs.step + tileCost);
  return tiles * ((k / 4) * input + (n / 4) * output + multiply) + ((k * n) / 4) * filter;
}

const variants: readonly ConvVariant[] = ["gemm", "winograd4", "winograd2"];
let forced: ConvVariant | null = null;
let observed: Map<string, KernelChoice> | null = null;

/** The variant by which the CPU device computes a convolution or one of its gradients. */
export function convVariant(pass: ConvPass, s: Conv2dShape): ConvVariant {
  const variant = choose(pass, s);
  if (observed) {
    const choice = describe(variant, pass, s);
    observed.set(choice.shapeClass, choice);
  }
  return variant;
}

function choose(pass: ConvPass, s: Conv2dShape): ConvVariant {
  if (forced) return Number.isFinite(convCost(forced, pass, s)) ? forced : "gemm";
  return variants.reduce((a, b) => (convCost(b, pass, s) < convCost(a, pass, s) ? b : a));
}

const operations = {
  forward: "conv2d",
  inputGrad: "conv2dInputGrad",
  weightGrad: "conv2dWeightGrad",
} as const;

function describe(variant: ConvVariant, pass: ConvPass, s: Conv2dShape): KernelChoice {
  const costs = variants.map((name) => [name, convCost(name, pass, s)] as const);
  const able = costs.filter(([, cycles]) => Number.isFinite(cycles));
  return {
    shapeClass: `${operations[pass]} ${describeConv(s)}`,
    variant,
    reason: forced ? "forced" : "cost model",
    variants: able.map(([name]) => name),
    cycles: Object.fromEntries(able),
  };
}

/** What `convVariant` answers while `body` runs, once for each shape. */
export function observeConvVariants(body: () => void): KernelChoice[] {
  const outer = observed;
  const found = new Map<string, KernelChoice>();
  observed = found;
  try {
    body();
  } finally {
    observed = outer;
  }
  return [...found.values()];
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
