import compareText from "../../../shaders/compare.wgsl";
import convText from "../../../shaders/conv2d.wgsl";
import epilogueText from "../../../shaders/conv2d-epilogue.wgsl";
import inputGradText from "../../../shaders/conv2d-input-grad.wgsl";
import storeText from "../../../shaders/conv2d-store.wgsl";
import weightGradText from "../../../shaders/conv2d-weight-grad.wgsl";
import winogradText from "../../../shaders/conv2d-winograd.wgsl";
import winogradFilterText from "../../../shaders/conv2d-winograd-filter.wgsl";
import winogradInputText from "../../../shaders/conv2d-winograd-input.wgsl";
import winogradOutputText from "../../../shaders/conv2d-winograd-output.wgsl";
import winogradWeightGradText from "../../../shaders/conv2d-winograd-weight-grad.wgsl";
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
import matmulText from "../../../shaders/matmul.wgsl";
import { gemmVariants } from "./gemm-variants.js";

/** The shaders that the variants are made of. */
export const variantShaders: readonly string[] = [
  ...[compareText, groupText, scalarText, vec4Text, tilesText, fetchText, reduceText],
  ...[registersText, subgroupText, unrolledText, workgroupText, matrixText],
  ...[matmulText, convText, storeText, epilogueText, inputGradText, weightGradText],
  ...[winogradText, winogradFilterText, winogradInputText],
  ...[winogradOutputText, winogradWeightGradText],
];

let hash: string | undefined;

/**
 * Eight hexadecimal digits that change with the variants' shaders and tile sizes: a time measured
 * under other digits was another kernel's.
 */
export function kernelCode(): string {
  hash ??= fnv1a([...variantShaders.map(bare), JSON.stringify(gemmVariants)].join("\0"));
  return hash;
}

/** Without comments and indentation, which bundles leave out. */
const bare = (shader: string): string => {
  const lines = shader.split("\n").map((line) => line.replace(/\/\/.*/, "").trim());
  return lines.filter(Boolean).join("\n");
};

/** FNV-1a of the text's UTF-16 units, 32 bits. */
function fnv1a(text: string): string {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  }
  return (value >>> 0).toString(16).padStart(8, "0");
}
