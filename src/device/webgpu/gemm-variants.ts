import type { Slice } from "../storage.js";
import type { Constants, GpuLowering } from "./lowering.js";

/** What every GEMM has: out[z] = A[z] * B[z], `count` times [m, k] x [k, n]. */
export interface GemmSize {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly count: number;
  /** What the operands are stored as, if not as f32. */
  readonly type?: Slice["type"] | undefined;
}

export type GemmLoop = "registers" | "subgroup" | "workgroup" | "unrolled" | "matrix";

/** One way to tile a GEMM: a tile loop and its sizes. */
export interface GemmVariant {
  readonly name: string;
  readonly loop: GemmLoop;
  readonly tileM: number;
  readonly tileN: number;
  readonly invocations: number;
  readonly constants: Constants;
  /** Bytes of workgroup memory. */
  readonly memory: number;
  /** Width of a subgroup it is written for; 0 if it does not matter. */
  readonly lanes: number;
  /** The shape of the matrices it multiplies by the adapter's matrix units. */
  readonly matrix?: readonly [m: number, n: number, k: number];
}

type Pair = readonly [m: number, n: number];

/** No shared memory at all: blocks of 4x4 for each invocation, operands through the caches. */
function registers(blocks: Pair, lanes: Pair): GemmVariant {
  return {
    name: `registers-${4 * blocks[0]}x${4 * blocks[1]}-${lanes.join("x")}`,
    loop: "registers",
    tileM: 4 * blocks[0] * lanes[0],
    tileN: 4 * blocks[1] * lanes[1],
    invocations: lanes[0] * lanes[1],
    constants: laneConstants(blocks, lanes),
    memory: 0,
    lanes: 0,
  };
}

/** Tiles in workgroup memory, `depth` steps of k at a time. */
function workgroup(blocks: Pair, lanes: Pair, depth: number): GemmVariant {
  const tileM = 4 * blocks[0] * lanes[0];
  const tileN = 4 * blocks[1] * lanes[1];
  return {
    name: `workgroup-${tileM}x${tileN}x${depth}-${4 * blocks[0]}x${4 * blocks[1]}`,
    loop: "workgroup",
    tileM,
    tileN,
    invocations: lanes[0] * lanes[1],
    constants: { ...laneConstants(blocks, lanes), TILE_K: depth },
    memory: (tileM + tileN + 8) * depth * 4,
    lanes: 0,
  };
}

/** Every lane owns blocks of rows or columns; the blocks of the other side go round by shuffles. */
function subgroup(owns: "rows" | "columns", own: number, shared: number, lanes: number) {
  const owned = 4 * own * lanes;
  const [tileM, tileN] = owns === "rows" ? [owned, 4 * shared] : [4 * shared, owned];
  return {
    name: `subgroup${lanes}-${tileM}x${tileN}-${owns}`,
    loop: "subgroup",
    tileM,
    tileN,
    invocations: lanes,
    constants: { OWN_ROWS: owns === "rows", OWN: own, SHARED: shared, LANES: lanes },
    memory: 0,
    lanes,
  } as const;
}

/** No shared memory, no loop inside a tile: 4x8 for each invocation. */
function unrolled(lanes: Pair): GemmVariant {
  return {
    name: `unrolled-4x8-${lanes.join("x")}`,
    loop: "unrolled",
    tileM: 4 * lanes[0],
    tileN: 8 * lanes[1],
    invocations: lanes[0] * lanes[1],
    constants: { LANES_M: lanes[0], LANES_N: lanes[1] },
    memory: 0,
    lanes: 0,
  };
}

/**
 * The adapter's matrix units: `each` matrices for a subgroup, `subgroups` of them in a workgroup,
 * `depth` steps of k at a time.
 */
function matrices(
  matrix: readonly [m: number, n: number, k: number],
  lanes: number,
  each: Pair,
  subgroups: Pair,
  depth: number,
): GemmVariant {
  const [m, n, k] = matrix;
  const tileM = m * each[0] * subgroups[0];
  const tileN = n * each[1] * subgroups[1];
  const count = subgroups[0] * subgroups[1];
  const longer = Math.max(tileM, tileN, depth);
  return {
    name: `matrix${m}x${n}x${k}-${tileM}x${tileN}x${depth}-${lanes}`,
    loop: "matrix",
    tileM,
    tileN,
    invocations: lanes * count,
    constants: {
      ...{ MATRIX_M: m, MATRIX_N: n, MATRIX_K: k, ROWS: each[0], COLUMNS: each[1] },
      ...{ SUBGROUPS_M: subgroups[0], SUBGROUPS_N: subgroups[1], LANES: lanes, TILE_K: depth },
    },
    // The layouts differ in where the 8 spare elements are; four bytes an element is the most.
    memory: 4 * ((tileM + tileN) * depth + 16 * longer + m * n * count),
    lanes,
    matrix,
  };
}

const laneConstants = (blocks: Pair, lanes: Pair): Constants => ({
  BLOCKS_M: blocks[0],
  BLOCKS_N: blocks[1],
  LANES_M: lanes[0],
  LANES_N: lanes[1],
});

export const gemmVariants = {
  registers8x8: registers([2, 2], [4, 2]),
  registers4x4: registers([1, 1], [4, 4]),
  rows32x16: subgroup("rows", 1, 4, 8),
  rows64x16: subgroup("rows", 2, 4, 8),
  columns32x32: subgroup("columns", 1, 8, 8),
  columns16x64: subgroup("columns", 2, 4, 8),
  unrolled4x32: unrolled([1, 4]),
  unrolled8x16: unrolled([2, 2]),
  unrolled16x8: unrolled([4, 1]),
  tile32: workgroup([1, 1], [8, 8], 8),
  tile32deep: workgroup([1, 1], [8, 8], 16),
  tile64: workgroup([1, 1], [16, 16], 16),
  tile64few: workgroup([2, 2], [8, 8], 8),
  tile128: workgroup([2, 2], [16, 16], 8),
  matrices32x16: matrices([8, 8, 8], 8, [4, 2], [1, 1], 16),
  matrices32x32: matrices([8, 8, 8], 8, [4, 4], [1, 1], 16),
  matrices64of8: matrices([8, 8, 8], 32, [4, 4], [2, 2], 32),
  matrices32of16: matrices([16, 16, 16], 32, [1, 1], [2, 2], 32),
  matrices64of16: matrices([16, 16, 16], 32, [2, 2], [2, 2], 32),
  matrices128of16: matrices([16, 16, 16], 32, [4, 2], [2, 4], 32),
} as const satisfies Record<string, GemmVariant>;

export type GemmVariantName = keyof typeof gemmVariants;

/** What an adapter can run, and what is known of it. */
export type GemmAdapter = Pick<
  GpuLowering,
  | "software"
  | "subgroupSize"
  | "subgroupMatrices"
  | "maxWorkgroupStorageBytes"
  | "maxWorkgroupInvocations"
>;

/** Whether an adapter can run a variant at all, on operands of a type. */
export function runsOn(
  adapter: GemmAdapter,
  variant: GemmVariant,
  type?: GemmSize["type"],
): boolean {
  const { matrix } = variant;
  return (
    (!variant.lanes || variant.lanes === adapter.subgroupSize) &&
    (!matrix || adapter.subgroupMatrices.includes(`${type ?? "f32"} ${matrix.join("x")}`)) &&
    variant.invocations <= adapter.maxWorkgroupInvocations &&
    variant.memory <= adapter.maxWorkgroupStorageBytes
  );
}

export function variantsFor(adapter: GemmAdapter, type?: GemmSize["type"]): GemmVariantName[] {
  const names = Object.keys(gemmVariants) as GemmVariantName[];
  return names.filter((name) => runsOn(adapter, gemmVariants[name], type));
}

/** The variants worth measuring: the loops that suit the adapter, and no tile twice the matrix. */
export function plausibleVariants(adapter: GemmAdapter, size: GemmSize): GemmVariantName[] {
  const preset = defaultVariant(adapter, size);
  const loops: GemmLoop[] = ["matrix", gemmVariants[withoutMatrices(adapter, size)].loop];
  return variantsFor(adapter, size.type).filter((name) => {
    const variant: GemmVariant = gemmVariants[name];
    const fits = variant.tileM < 2 * size.m && variant.tileN < 2 * size.n;
    return name === preset || (loops.includes(variant.loop) && fits);
  });
}

/** The variant to use where nothing was measured: matrix units first, if a GPU has them. */
export function defaultVariant(adapter: GemmAdapter, size: GemmSize): GemmVariantName {
  if (adapter.software || Math.min(size.m, size.n, size.k) < 16) {
    return withoutMatrices(adapter, size);
  }
  const runs = (name: GemmVariantName): boolean => runsOn(adapter, gemmVariants[name], size.type);
  const large = largeMatrices.find(
    (name) => runs(name) && tilesOf(gemmVariants[name], size) >= 128,
  );
  return large ?? smallMatrices.find(runs) ?? withoutMatrices(adapter, size);
}

const largeMatrices = ["matrices128of16", "matrices64of16", "matrices64of8"] as const;
const smallMatrices = ["matrices32of16", "matrices64of8"] as const;

const tilesOf = (tile: Pick<GemmVariant, "tileM" | "tileN">, { m, n, count }: GemmSize): number =>
  Math.ceil(m / tile.tileM) * Math.ceil(n / tile.tileN) * count;

/**
 * Software adapters: subgroup tiles on lavapipe (subgroups of 8), unrolled code on SwiftShader (of
 * 4), else registers. GPUs: the largest workgroup tile of which there are enough to fill the machine.
 */
function withoutMatrices(adapter: GemmAdapter, size: GemmSize): GemmVariantName {
  const { m, n } = size;
  if (adapter.software && adapter.subgroupSize === 8) {
    if (n <= 16) return "rows32x16";
    return n <= 32 ? "columns32x32" : "columns16x64";
  }
  if (adapter.software && adapter.subgroupSize === 4) {
    return n <= 8 ? "unrolled16x8" : "unrolled8x16";
  }
  if (adapter.software) return n <= 4 ? "registers4x4" : "registers8x8";
  const small = Math.min(m, n);
  if (small >= 128 && tilesOf(gemmVariants.tile128, size) >= 256) return "tile128";
  return small >= 64 && tilesOf(gemmVariants.tile64, size) >= 64 ? "tile64" : "tile32deep";
}
