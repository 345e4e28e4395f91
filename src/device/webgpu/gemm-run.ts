import blocksText from "../../../shaders/gemm-registers.wgsl";
import scalarText from "../../../shaders/gemm-scalar.wgsl";
import reduceText from "../../../shaders/gemm-split-reduce.wgsl";
import tilesText from "../../../shaders/gemm-tiles.wgsl";
import vec4Text from "../../../shaders/gemm-vec4.wgsl";
import groupText from "../../../shaders/group.wgsl";
import type { Slice } from "../storage.js";
import { type GemmSize, gemmVariants } from "./gemm-variants.js";
import type { Constants, GpuLowering, Shader } from "./lowering.js";
import { reads, shader, writes } from "./lowering.js";

/** A loader joined with each access width and tile loop. */
export interface GemmShaders {
  readonly vec4: Shader;
  readonly scalar: Shader;
}

export function gemmShaders(name: string, loader: string): GemmShaders {
  const join = (width: string, access: string) =>
    shader(`${name}-${width}`, groupText, tilesText, access, loader, blocksText);
  return { vec4: join("vec4", vec4Text), scalar: join("scalar", scalarText) };
}

export interface GemmCall {
  readonly shaders: GemmShaders;
  readonly size: GemmSize;
  /** Whether every contiguous dimension is a multiple of 4. */
  readonly vec4: boolean;
  readonly a: Slice;
  readonly b: Slice;
  readonly out: Slice;
  /** Further operands, from binding 4. */
  readonly more?: readonly Slice[];
  readonly constants: Constants & { A_ALONG_M: boolean; B_ALONG_K: boolean };
  readonly params: readonly number[];
}

export function runGemm(gpu: GpuLowering, call: GemmCall): void {
  const { size, shaders, params } = call;
  const variant = gemmVariants[0];
  if (!variant) throw new Error("no GEMM variants");
  const tiles = Math.ceil(size.m / variant.tileM) * Math.ceil(size.n / variant.tileN);
  gpu.dispatch({
    shader: call.vec4 ? shaders.vec4 : shaders.scalar,
    constants: { ...call.constants, ...variant.constants },
    bindings: [
      reads(call.a),
      reads(call.b),
      writes(call.out),
      ...(call.more ?? []).map((slice) => reads(slice)),
    ],
    params,
    workgroups: tiles * size.count,
  });
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
    constants: { HAS_BIAS: bias !== null },
    bindings: [reads(partial), writes(out), reads(bias ?? partial)],
    params: [size.m * size.n, splits, size.n, total],
    workgroups: Math.ceil(total / 64),
  });
}

/** Splits of the inner dimension that fill the device when there are few tiles. */
export function splitsFor(size: GemmSize, steps: number): number {
  const tiles = Math.ceil(size.m / 32) * Math.ceil(size.n / 16) * size.count;
  const wanted = Math.ceil(64 / tiles);
  return Math.max(1, Math.min(wanted, steps));
}
