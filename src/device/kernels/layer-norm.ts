import groupText from "../../../shaders/group.wgsl";
import layerNormText from "../../../shaders/layer-norm.wgsl";
import sumsText from "../../../shaders/layer-norm-sums.wgsl";
import spanText from "../../../shaders/span.wgsl";
import { optional } from "../cpu/lowering.js";
import { float32Bits } from "../float32.js";
import type { Slice } from "../storage.js";
import { type GpuLowering, reads, shader, writes } from "../webgpu/lowering.js";
import { perGroup, spanParams, spread, storedAs, vectorType } from "../webgpu/spread.js";
import { bytesOf, type CallCost, cost, type Kernels } from "./kernel.js";
import { lowerReduce } from "./reduce.js";

/**
 * x is [outer, positions, groups, width]. Layer norm over the last dimension has one position and
 * one group; group norm of NHWC has as many positions as pixels.
 */
export interface LayerNormShape {
  outer: number;
  positions: number;
  groups: number;
  width: number;
}

export interface LayerNormCalls {
  /**
   * out := (x - mean) * invStd * gamma + beta, normalised over each group's positions and width:
   * mean and centred variance of x[o, :, g, :], invStd = 1 / sqrt(variance + eps). mean and invStd
   * ([outer, groups]) are written for the backward pass; null is gamma 1, beta 0.
   */
  layerNorm: LayerNormShape & {
    x: Slice;
    /** [groups * width], and so is beta. */
    gamma: Slice | null;
    beta: Slice | null;
    mean: Slice;
    invStd: Slice;
    out: Slice;
    eps: number;
  };
  /**
   * g := dy * gamma; over each group dx := invStd * (g - mean of g - xhat * mean of (g * xhat)),
   * xhat = (x - mean) * invStd. dgamma := sum dy * xhat and dbeta := sum dy over outer and positions.
   * Null outputs are not computed.
   */
  layerNormBackward: LayerNormShape & {
    x: Slice;
    dy: Slice;
    gamma: Slice | null;
    mean: Slice;
    invStd: Slice;
    dx: Slice | null;
    dgamma: Slice | null;
    dbeta: Slice | null;
  };
}

export const layerNormKernels: Kernels<LayerNormCalls> = {
  layerNorm: {
    writes: ["out", "mean", "invStd"],
    // Mean 1, centred variance 3, a difference and a product; gamma and beta.
    cost({ x, gamma, beta, out, ...s }) {
      const each = 6 + (gamma ? 1 : 0) + (beta ? 1 : 0);
      return normCost("layerNorm", s, each, bytesOf(x, out));
    },
    webgpu(gpu, { x, gamma, beta, mean, invStd, out, eps, ...s }) {
      gpu.dispatch({
        shader: forwardShader,
        ...units(gpu, s, x, { GAMMA: gamma !== null, BETA: beta !== null }, eps),
        bindings: [...[x, gamma ?? x, beta ?? x].map(reads), ...[mean, invStd, out].map(writes)],
      });
    },
    cpu({ x, gamma, beta, mean, invStd, out, outer, positions, groups, width, eps }, lowering) {
      const slices = [x, gamma, beta, mean, invStd, out];
      lowering.command("layer_norm", [
        ...slices.map((slice) => optional(slice, lowering)),
        ...[outer * groups, positions, groups, width, float32Bits(eps)],
      ]);
    },
  },
  layerNormBackward: {
    writes: ["dx", "dgamma", "dbeta"],
    // xhat 2; for dx a product with gamma, two sums 3, two multiply-adds, a product; dgamma 2; dbeta 1.
    cost({ x, dy, gamma, dx, dgamma, dbeta, ...s }) {
      const each = 2 + (dx ? 8 + (gamma ? 1 : 0) : 0) + (dgamma ? 2 : 0) + (dbeta ? 1 : 0);
      const passes = (dx ? 1 : 0) + (dgamma || dbeta ? 1 : 0);
      return normCost("layerNormBackward", s, each, passes * bytesOf(x, dy) + bytesOf(dx));
    },
    webgpu(gpu, { x, dy, gamma, mean, invStd, dx, dgamma, dbeta, ...s }) {
      if (dx) {
        gpu.dispatch({
          shader: gradientShader,
          ...units(gpu, s, x, { GAMMA: gamma !== null, BETA: false }, 0),
          bindings: [...[x, gamma ?? x, dy, mean, invStd].map(reads), writes(dx)],
        });
      }
      if (dgamma || dbeta) sums(gpu, s, { x, dy, mean, invStd }, dgamma, dbeta);
    },
    cpu({ x, dy, gamma, mean, invStd, dx, dgamma, dbeta, ...s }, lowering) {
      const { outer, positions, groups, width } = s;
      const { address, command } = lowering;
      if (dx) {
        const slices = [x, dy, gamma, mean, invStd, dx].map((slice) => optional(slice, lowering));
        command("layer_norm_gradient", [...slices, outer * groups, positions, groups, width]);
      }
      if (!dgamma && !dbeta) return;
      const [rows, columns] = [outer * positions, groups * width];
      const blocks = Math.ceil(rows / blockRows);
      const parts = lowering.scratch(8 * columns * blocks);
      command("layer_norm_sums", [
        ...[x, dy, mean, invStd].map(address),
        ...[parts, rows, positions, groups, width, blockRows],
      ]);
      command("layer_norm_finish", [
        ...[parts, blocks, columns, optional(dgamma, lowering), optional(dbeta, lowering)],
      ]);
    },
  },
};

function normCost(name: string, s: LayerNormShape, each: number, bytes: number): CallCost {
  const { outer, positions, groups, width } = s;
  const elements = outer * positions * groups * width;
  return cost(name, [outer, positions, groups, width], each * elements, bytes);
}

const forwardShader = shader("layerNorm", groupText, layerNormText);
const gradientShader = {
  ...shader("layerNorm gradient", groupText, layerNormText),
  entry: "gradient",
};
const sumsShader = shader("layerNorm sums", groupText, spanText, sumsText);

/** Groups of so few elements are taken by one invocation each. */
const fewElements = 32;

/** Rows whose sums stay in one partial on the CPU device, by the shape alone. */
const blockRows = 128;

/** What a dispatch that takes a group at a time needs beside its bindings. */
function units(
  gpu: GpuLowering,
  { outer, positions, groups, width }: LayerNormShape,
  x: Slice,
  has: { GAMMA: boolean; BETA: boolean },
  eps: number,
) {
  const { V, width: numbers } = vectorType(width);
  const elements = positions * width;
  // A processor has no use for more invocations than keep its threads busy.
  const alone = elements <= fewElements || (gpu.software && outer * groups >= 64);
  const lanes = alone ? 1 : 64;
  return {
    constants: { V, WIDTH: numbers, Stored: storedAs(x, numbers), LANES: lanes, ...has },
    params: [
      outer * groups,
      positions,
      groups,
      width / numbers,
      ...[elements, eps].map(float32Bits),
    ],
    workgroups: perGroup(outer * groups * lanes, 64),
  };
}

/** dgamma and dbeta: sums over blocks of rows, then over the blocks. */
function sums(
  gpu: GpuLowering,
  { outer, positions, groups, width }: LayerNormShape,
  { x, dy, mean, invStd }: { x: Slice; dy: Slice; mean: Slice; invStd: Slice },
  dgamma: Slice | null,
  dbeta: Slice | null,
): void {
  const columns = groups * width;
  const { V, width: numbers } = vectorType(width);
  const s = spread(outer * positions, columns / numbers, 16, 256);
  const parts = (result: Slice | null): Slice =>
    result && s.blocks === 1 ? result : gpu.scratch(result ? s.blocks * columns : 4);
  const [gammas, betas] = [parts(dgamma), parts(dbeta)];
  gpu.dispatch({
    shader: sumsShader,
    constants: {
      ...{ V, Stored: storedAs(x, numbers) },
      ...{ GAMMA: dgamma !== null, BETA: dbeta !== null },
    },
    bindings: [...[x, dy, mean, invStd].map(reads), writes(gammas), writes(betas)],
    params: [...spanParams(s), positions, groups, width / numbers],
    workgroups: s.tiles * s.blocks,
  });
  if (s.blocks === 1) return;
  const shape = { op: "sum", outer: 1, reduced: s.blocks, inner: columns } as const;
  if (dgamma) lowerReduce(gpu, { ...shape, x: gammas, out: dgamma });
  if (dbeta) lowerReduce(gpu, { ...shape, x: betas, out: dbeta });
}
