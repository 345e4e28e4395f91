import type { Slice } from "../storage.js";
import type { GpuLowering } from "./lowering.js";

/** Invocations of a workgroup in all kernels but the GEMMs. */
const lanes = 64;

/** Workgroups for `count` items when one workgroup does `items` of them. */
export const perGroup = (count: number, items: number): number => Math.ceil(count / items);

/** Parameters and workgroups of a kernel that walks along `length` items: length, items a group. */
export function linear(gpu: GpuLowering, length: number, ...more: readonly number[]) {
  const items = lanes * gpu.itemsPerLane;
  return { params: [length, items, ...more], workgroups: perGroup(length, items) };
}

/** How rows and columns spread over workgroups; see shaders/span.wgsl. */
export interface Spread {
  readonly rows: number;
  readonly columns: number;
  readonly across: number;
  readonly down: number;
  readonly rowsPerGroup: number;
  readonly tiles: number;
  /** Workgroups along the rows. */
  readonly blocks: number;
}

/**
 * Each lane takes at least `rowsPerLane` rows, and more where there would be above `maxBlocks`
 * blocks. `across` is the number of neighbouring columns a workgroup takes at most.
 */
export function spread(
  rows: number,
  columns: number,
  rowsPerLane: number,
  maxBlocks: number,
  maxAcross = lanes,
): Spread {
  const across = Math.min(maxAcross, columns);
  const down = Math.floor(lanes / across);
  const rowsPerGroup = Math.max(down * rowsPerLane, Math.ceil(rows / maxBlocks));
  const tiles = Math.ceil(columns / across);
  return {
    rows,
    columns,
    across,
    down,
    rowsPerGroup,
    tiles,
    blocks: Math.ceil(rows / rowsPerGroup),
  };
}

/** The words of `Params` that shaders/span.wgsl needs, in their order. */
export const spanParams = (s: Spread): number[] => [
  s.rows,
  s.columns,
  s.across,
  s.down,
  s.rowsPerGroup,
  s.tiles,
];

/** vec4f where the innermost size allows it: the type and its width. */
export const vectorType = (innermost: number): { V: "vec4f" | "f32"; width: 4 | 1 } =>
  innermost % 4 === 0 ? { V: "vec4f", width: 4 } : { V: "f32", width: 1 };

/** What shaders/math.wgsl and shaders/compare.wgsl call their types, of one or of four numbers. */
export const mathTypes = (width: 1 | 4) =>
  width === 4
    ? ({ V: "vec4f", I: "vec4i", U: "vec4u", B: "vec4<bool>" } as const)
    : ({ V: "f32", I: "i32", U: "u32", B: "bool" } as const);

/** The type of a slice's elements in memory, one or four at a time; arithmetic is float32. */
export function storedAs({ type }: Slice, width: 1 | 4): "f32" | "f16" | "vec4f" | "vec4h" {
  if (type === "f16") return width === 4 ? "vec4h" : "f16";
  return width === 4 ? "vec4f" : "f32";
}
