import type { Constants, GpuLowering } from "./lowering.js";

/** What every GEMM has: out[z] = A[z] * B[z], `count` times [m, k] x [k, n]. */
export interface GemmSize {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly count: number;
}

export type GemmLoop = "registers" | "subgroup" | "workgroup" | "unrolled";

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
} as const satisfies Record<string, GemmVariant>;

export type GemmVariantName = keyof typeof gemmVariants;

/** What an adapter can run, and what is known of it. */
export type GemmAdapter = Pick<
  GpuLowering,
  "software" | "subgroupSize" | "maxWorkgroupStorageBytes" | "maxWorkgroupInvocations"
>;

/** Whether an adapter can run a variant at all. */
export function runsOn(adapter: GemmAdapter, variant: GemmVariant): boolean {
  if (variant.loop === "subgroup") return adapter.subgroupSize === variant.invocations;
  return (
    variant.invocations <= adapter.maxWorkgroupInvocations &&
    variant.memory <= adapter.maxWorkgroupStorageBytes
  );
}

export function variantsFor(adapter: GemmAdapter): GemmVariantName[] {
  const names = Object.keys(gemmVariants) as GemmVariantName[];
  return names.filter((name) => runsOn(adapter, gemmVariants[name]));
}

/** The variants worth measuring: the kind that suits the adapter, and no tile twice the matrix. */
export function plausibleVariants(adapter: GemmAdapter, size: GemmSize): GemmVariantName[] {
  const preset = defaultVariant(adapter, size);
  const { loop } = gemmVariants[preset];
  return variantsFor(adapter).filter((name) => {
    const variant: GemmVariant = gemmVariants[name];
    const fits = variant.tileM < 2 * size.m && variant.tileN < 2 * size.n;
    return name === preset || (variant.loop === loop && fits);
  });
}

/**
 * The variant to use where nothing was measured. Software adapters: subgroup tiles on lavapipe
 * (subgroups of 8), unrolled code on SwiftShader (of 4), else registers. GPUs: the largest workgroup
 * tile that still makes enough workgroups to fill the machine.
 */
export function defaultVariant(adapter: GemmAdapter, size: GemmSize): GemmVariantName {
  const { m, n, count } = size;
  if (adapter.software && adapter.subgroupSize === 8) {
    if (n <= 16) return "rows32x16";
    return n <= 32 ? "columns32x32" : "columns16x64";
  }
  if (adapter.software && adapter.subgroupSize === 4) {
    return n <= 8 ? "unrolled16x8" : "unrolled8x16";
  }
  if (adapter.software) return n <= 4 ? "registers4x4" : "registers8x8";
  const tiles = (side: number) => Math.ceil(m / side) * Math.ceil(n / side) * count;
  const small = Math.min(m, n);
  if (small >= 128 && tiles(128) >= 256) return "tile128";
  return small >= 64 && tiles(64) >= 64 ? "tile64" : "tile32deep";
}
