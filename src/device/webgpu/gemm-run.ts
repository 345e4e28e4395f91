import fetchText from "../../../shaders/gemm-fetch.wgsl";
import matrixText from "../../../shaders/gemm-matrix.wgsl";
import registersText from "../../../shaders/gemm-registers.wgsl";
import scalarText from "../../../shaders/gemm-scalar.wgsl";
import reduceText from "../../../shaders/gemm-split-reduce.wgsl";
import subgroupText from "../../../shaders/gemm-subgroup.wgsl";
import tilesText from "../../../shaders/gemm-tiles.wgsl";
import unrolledText from "../../../shaders/gemm-unrolled.wgsl";
import vec4Text from "../../../shaders/gemm-vec4.wgsl";
import workgroupText from "../../../shaders/gemm-workgroup.wgsl";
import groupText from "../../../shaders/group.wgsl";
import { DeviceError } from "../errors.js";
import type { Slice } from "../storage.js";
import {
  defaultVariant,
  type GemmLoop,
  type GemmSize,
  type GemmVariant,
  type GemmVariantName,
  gemmVariants,
  plausibleVariants,
  runsOn,
  variantsFor,
} from "./gemm-variants.js";
import type { Constants, GpuLowering, Shader, Tunable, WgslExtension } from "./lowering.js";
import { reads, shader, writes } from "./lowering.js";
import { storedAs } from "./spread.js";

/** A loader joined with each tile loop and each width of access. */
export interface GemmShaders {
  readonly operation: string;
  readonly loops: Readonly<Record<GemmLoop, { vec4: Shader; scalar: Shader }>>;
}

const extensions: Partial<Record<GemmLoop, readonly WgslExtension[]>> = {
  subgroup: ["subgroups"],
  matrix: ["subgroups", "chromium_experimental_subgroup_matrix"],
};

/** `name` tells the shaders of an operation apart where several loaders do it. */
export function gemmShaders(
  operation: string,
  loader: readonly string[],
  name = operation,
): GemmShaders {
  const join = (loop: GemmLoop, ...texts: readonly string[]) => {
    const parts = [groupText, tilesText, ...loader, ...texts];
    const enables = extensions[loop] ?? [];
    return {
      vec4: { ...shader(`${name}-${loop}-vec4`, vec4Text, ...parts), enables },
      scalar: { ...shader(`${name}-${loop}-scalar`, scalarText, ...parts), enables },
    };
  };
  const loops = {
    registers: join("registers", registersText),
    subgroup: join("subgroup", subgroupText),
    workgroup: join("workgroup", fetchText, workgroupText),
    unrolled: join("unrolled", unrolledText),
    matrix: join("matrix", fetchText, matrixText),
  };
  return { operation, loops };
}

export interface GemmCall {
  readonly shaders: GemmShaders;
  readonly size: GemmSize;
  /** Whether every contiguous dimension is a multiple of 4. */
  readonly vec4: boolean;
  readonly a: Slice;
  readonly b: Slice;
  readonly out: Slice;
  /** What else the loader reads, from binding 4 on. */
  readonly extra?: readonly Slice[];
  readonly constants: Constants & { A_ALONG_M: boolean; B_ALONG_K: boolean };
  readonly params: readonly number[];
}

/** Runs a GEMM by the variant chosen for its shape class. */
export function runGemm(gpu: GpuLowering, call: GemmCall): void {
  const preset = defaultVariant(gpu, call.size);
  const describe = () => describeGemm(gpu, call, preset);
  const like = shapeClass(call);
  const chosen = gpu.variants.choose(like, describe) ?? preset;
  if (!isVariant(chosen) || !runsOn(gpu, gemmVariants[chosen], call.size.type)) {
    const names = variantsFor(gpu, call.size.type).join(", ");
    throw new DeviceError(`this adapter cannot run the variant "${chosen}"; it has: ${names}`);
  }
  gpu.variants.ran(like, chosen, preset);
  dispatchGemm(gpu, call, gemmVariants[chosen]);
}

const isVariant = (name: string): name is GemmVariantName => Object.hasOwn(gemmVariants, name);

/** Sides to the next power of two: what runs fastest hardly changes within one. */
function shapeClass({ shaders, size, vec4, constants, a }: GemmCall): string {
  const layout = `${constants.A_ALONG_M ? "t" : "n"}${constants.B_ALONG_K ? "t" : "n"}`;
  const sides = [size.m, size.n, size.k, size.count].map((side) => 2 ** Math.ceil(Math.log2(side)));
  const half = a.type === "f16" ? " f16" : "";
  return `${shaders.operation} ${layout}${half}${vec4 ? "" : " odd"} ${sides.join("x")}`;
}

function describeGemm(gpu: GpuLowering, call: GemmCall, preset: string): Tunable {
  const { size, a, b, out, extra = [] } = call;
  return {
    shapeClass: shapeClass(call),
    names: plausibleVariants(gpu, size),
    preset,
    operands: [a, b, out, ...extra],
    flops: 2 * size.m * size.n * size.k * size.count,
    run: (lowering, variant, [a, b, out, ...extra]) => {
      if (!a || !b || !out || !isVariant(variant)) throw new Error("operands missing");
      dispatchGemm(lowering, { ...call, a, b, out, extra }, gemmVariants[variant]);
    },
  };
}

function dispatchGemm(gpu: GpuLowering, call: GemmCall, variant: GemmVariant): void {
  const { m, n, count } = call.size;
  gpu.dispatch({
    shader: call.shaders.loops[variant.loop][call.vec4 ? "vec4" : "scalar"],
    constants: { ...call.constants, ...operandTypes(call), ...variant.constants },
    bindings: [
      ...[reads(call.a), reads(call.b), writes(call.out)],
      ...(call.extra ?? []).map(reads),
    ],
    params: call.params,
    workgroups: Math.ceil(m / variant.tileM) * Math.ceil(n / variant.tileN) * count,
  });
}

/** What the operands are stored as; workgroup memory keeps them so. */
function operandTypes({ vec4, a, out }: GemmCall): Constants {
  const width = vec4 ? 4 : 1;
  return {
    Operand: storedAs(a, width),
    Result: storedAs(out, width),
    Tile: storedAs(a, 4),
    TileElement: storedAs(a, 1),
  };
}

const reduceShader = shader("gemm-split-reduce", groupText, reduceText);

/** out[z, m, n] := the sum over splits of partial[z, split, m, n], plus bias[n]. */
export function reduceSplits(
  gpu: GpuLowering,
  partial: Slice,
  out: Slice,
  bias: Slice | null,
  size: GemmSize,
  splits: number,
): void {
  const total = size.count * size.m * size.n;
  gpu.dispatch({
    shader: reduceShader,
    constants: { HAS_BIAS: bias !== null, Result: storedAs(out, 1) },
    bindings: [reads(partial), writes(out), reads(bias ?? partial)],
    params: [size.m * size.n, splits, size.n, total],
    workgroups: Math.ceil(total / 64),
  });
}

/** Workgroups that keep an adapter busy: a processor's few threads, or a GPU's many cores. */
const busy = { software: 16, hardware: 256 };

/** Into how many parts of its inner dimension to split a GEMM that has few tiles. */
export function splitsFor(gpu: GpuLowering, size: GemmSize, mostSplits: number): number {
  const { tileM, tileN } = gemmVariants[defaultVariant(gpu, size)];
  const tiles = Math.ceil(size.m / tileM) * Math.ceil(size.n / tileN) * size.count;
  const wanted = Math.ceil((gpu.software ? busy.software : busy.hardware) / tiles);
  return Math.max(1, Math.min(wanted, mostSplits));
}
