import groupText from "../../../shaders/group.wgsl";
import forwardText from "../../../shaders/layer-norm.wgsl";
import gradientText from "../../../shaders/layer-norm-gradient.wgsl";
import sumsText from "../../../shaders/layer-norm-sums.wgsl";
import unitText from "../../../shaders/layer-norm-unit.wgsl";
import spanText from "../../../shaders/span.wgsl";
import { float32Bits } from "../float32.js";
import type { KernelCalls, LayerNormShape } from "../kernels.js";
import type { Slice } from "../storage.js";
import { type GpuLowering, reads, shader, writes } from "./lowering.js";
import { lowerReduce } from "./reduce.js";
import { perGroup, spanParams, spread, storedAs, vectorType } from "./spread.js";

const forwardShader = shader("layerNorm", groupText, unitText, forwardText);
const gradientShader = shader("layerNorm gradient", groupText, unitText, gradientText);
const sumsShader = shader("layerNorm sums", groupText, spanText, sumsText);

/** Groups of so few elements are taken by one invocation each. */
const fewElements = 32;

/** Constants, parameters and workgroups of the shaders that take a group at a time. */
function units(gpu: GpuLowering, { outer, positions, groups, width }: LayerNormShape, x: Slice) {
  const { V, width: numbers } = vectorType(width);
  const elements = positions * width;
  // A processor has no use for more invocations than keep its threads busy.
  const alone = elements <= fewElements || (gpu.software && outer * groups >= 64);
  const lanes = alone ? 1 : 64;
  return {
    constants: { V, WIDTH: numbers, Stored: storedAs(x, numbers), LANES: lanes },
    params: [outer * groups, positions, groups, width / numbers, float32Bits(elements)],
    workgroups: perGroup(outer * groups * lanes, 64),
  };
}

export function lowerLayerNorm(gpu: GpuLowering, call: KernelCalls["layerNorm"]): void {
  const { x, gamma, beta, mean, invStd, out, eps } = call;
  const { constants, params, workgroups } = units(gpu, call, x);
  gpu.dispatch({
    shader: forwardShader,
    constants: { ...constants, GAMMA: gamma !== null, BETA: beta !== null },
    bindings: [...[x, gamma ?? x, beta ?? x].map(reads), ...[mean, invStd, out].map(writes)],
    params: [...params, float32Bits(eps)],
    workgroups,
  });
}

export function lowerLayerNormBackward(
  gpu: GpuLowering,
  call: KernelCalls["layerNormBackward"],
): void {
  const { x, dy, gamma, mean, invStd, dx, dgamma, dbeta } = call;
  if (dx) {
    const { constants, params, workgroups } = units(gpu, call, x);
    gpu.dispatch({
      shader: gradientShader,
      constants: { ...constants, GAMMA: gamma !== null },
      bindings: [...[x, dy, gamma ?? x, mean, invStd].map(reads), writes(dx)],
      params,
      workgroups,
    });
  }
  if (!dgamma && !dbeta) return;
  const { outer, positions, groups, width } = call;
  const columns = groups * width;
  const { V, width: numbers } = vectorType(width);
  const s = spread(outer * positions, columns / numbers, 16, 256);
  // Of several blocks' sums a second pass makes one.
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
