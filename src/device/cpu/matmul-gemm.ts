import { type Epilogue, epilogueWords } from "./epilogue.js";
import type { Lowering } from "./lowering.js";

/**
 * The GEMM commands of assembly/gemm-*.ts and their blocks. Panels of A and B of the inner block
 * (512 x 12 floats) stay in the 32 KiB level-1 cache, a block of A (64 x 512) in the level-2 cache.
 */
const innerBlock = 512;
const rowBlock = 64;
/** Blocks of the product with a transposed A: both operands are packed anew for each. */
const columnsBlock = 128;

/** The points a GEMM's rows stand for; see Grid in assembly/gemm-geometry.ts. */
export interface Grid {
  readonly h: number;
  readonly w: number;
  readonly inH: number;
  readonly inW: number;
  readonly strideH: number;
  readonly strideW: number;
  readonly outH: number;
  readonly outW: number;
  readonly outStrideH: number;
  readonly outStrideW: number;
  readonly outOffsetH: number;
  readonly outOffsetW: number;
  readonly taps: readonly { readonly dy: number; readonly dx: number }[];
}

/** A plain matrix: an image of height m and width 1. */
export const matrixGrid = (m: number): Grid => ({
  ...{ h: m, w: 1, inH: m, inW: 1, strideH: 1, strideW: 1, outH: m, outW: 1 },
  ...{ outStrideH: 1, outStrideW: 1, outOffsetH: 0, outOffsetW: 0, taps: [{ dy: 0, dx: 0 }] },
});

const gridWords = (g: Grid): number[] => [
  ...[g.h, g.w, g.inH, g.inW, g.strideH, g.strideW],
  ...[g.outH, g.outW, g.outStrideH, g.outStrideW, g.outOffsetH, g.outOffsetW],
  ...[g.taps.length, ...g.taps.flatMap(({ dy, dx }) => [dy, dx])],
];

const ceilTo = (value: number, step: number): number => Math.ceil(value / step) * step;

/** `total` cut into equal pieces of at most `most`, each a multiple of `step`. */
const evenBlock = (total: number, most: number, step: number): number =>
  Math.min(
    ceilTo(Math.ceil(total / Math.ceil(total / most)), step),
    Math.max(step, ceilTo(total, step)),
  );

/** What goes before the offsets of the taps; see Taps in assembly/gemm-geometry.ts. */
const tapsBytes = 16;

export interface Panels {
  readonly address: number;
  /** Floats from one group's panels to the next. */
  readonly stride: number;
}

/** Packs `groups` matrices B, each the taps' [k, n] (or [n, k]) stacked along k, into panels. */
export function packPanels(
  lowering: Lowering,
  source: number,
  b: {
    groups: number;
    stride: number;
    n: number;
    k: number;
    transposed: boolean;
    /** Where each tap's matrix starts, in floats. */
    taps: readonly number[];
  },
): Panels {
  const stride = ceilTo(b.n, 8) * b.k * b.taps.length;
  const address = lowering.scratch(4 * stride * b.groups);
  lowering.command("gemm_pack", [
    ...[source, address, b.groups, b.stride, b.n, b.k, Number(b.transposed)],
    ...[b.taps.length, ...b.taps],
  ]);
  return { address, stride: b.groups === 1 ? 0 : stride };
}

export interface RowsProduct {
  x: number;
  packed: Panels;
  epilogue: Epilogue;
  out: number;
  batch: number;
  strideX: number;
  strideOut: number;
  rows: number;
  n: number;
  /** Channels of a tap. */
  k: number;
  grid: Grid;
}

/** out[rows, n] := A B and its epilogue, A's rows being runs of `k` channels, one run per tap. */
export function multiplyRows(lowering: Lowering, p: RowsProduct): void {
  const { batch, rows, n, k, grid, packed } = p;
  const taps = grid.taps.length;
  const wholeTaps = k % 4 !== 0 || k <= innerBlock;
  const blockChannels = wholeTaps ? k : evenBlock(k, innerBlock, 4);
  const blockTaps = wholeTaps ? evenBlock(taps, Math.max(1, Math.floor(innerBlock / k)), 1) : 1;
  const { blockRows, blockColumns } = outerBlocks(batch, rows, n, lowering.threads);
  const inner = ceilTo(blockTaps * blockChannels, 4);
  const tables = ceilTo(4 * (blockRows + taps) + tapsBytes, 64);
  const scratchBytes = ceilTo(tables + 4 * ceilTo(blockRows, 4) * inner, 64);
  lowering.command("gemm_rows", [
    ...[p.x, packed.address, p.out, ...epilogueWords(p.epilogue)],
    ...[lowering.scratch(scratchBytes * lowering.threads), scratchBytes],
    ...[batch, p.strideX, packed.stride, p.strideOut, rows, n, k],
    ...[blockRows, blockColumns, blockTaps, blockChannels, ...gridWords(grid)],
  ]);
}

/** Blocks of the result; small results are cut finer, so that every thread has a share. */
function outerBlocks(
  batch: number,
  rows: number,
  n: number,
  threads: number,
): { blockRows: number; blockColumns: number } {
  let blockRows = evenBlock(rows, rowBlock, 4);
  let blockColumns = ceilTo(n, 8);
  const items = (): number => batch * Math.ceil(rows / blockRows) * Math.ceil(n / blockColumns);
  while (items() < 8 * threads && blockRows > 32) blockRows = ceilTo(blockRows / 2, 4);
  while (items() < 2 * threads && blockColumns > 8) blockColumns = ceilTo(blockColumns / 2, 8);
  return { blockRows, blockColumns };
}

export interface ColumnsProduct {
  x: number;
  y: number;
  bias: number;
  out: number;
  batch: number;
  strideX: number;
  strideY: number;
  points: number;
  n: number;
  /** Channels of a tap: the result has taps * k rows. */
  k: number;
  transposedY: boolean;
  grid: Grid;
}

/**
 * out[taps * k, n] := the sum over points of (row of x)^T (row of y) (+ bias). Where the result is
 * too small to share among threads, points are split into chunks whose number depends on the shape
 * alone, and the parts are added in order.
 */
export function multiplyColumns(lowering: Lowering, p: ColumnsProduct): void {
  const { batch, points, n, k, grid } = p;
  const taps = grid.taps.length;
  const blockPoints = evenBlock(points, 256, 4);
  const blockColumns = evenBlock(n, columnsBlock, 8);
  const blockChannels = evenBlock(k, columnsBlock, 4);
  const blockTaps = Math.max(1, Math.min(taps, Math.floor(192 / blockChannels)));
  const blocks =
    Math.ceil(n / blockColumns) * Math.ceil(k / blockChannels) * Math.ceil(taps / blockTaps);
  const wanted = Math.ceil(16 / (batch * blocks));
  const split = batch === 1 && p.bias === 0 ? Math.min(wanted, Math.floor(points / 512)) : 1;
  const chunk = ceilTo(Math.ceil(points / Math.max(1, split)), blockPoints);
  const chunks = Math.ceil(points / chunk);
  const length = taps * k * n;
  const out = chunks > 1 ? lowering.scratch(4 * chunks * length) : p.out;
  const aPanels = blockTaps * Math.ceil(blockChannels / 4);
  const tables = ceilTo(4 * taps + tapsBytes, 64);
  const bBytes = 4 * blockPoints * blockColumns;
  const scratchBytes = ceilTo(tables + bBytes + aPanels * (16 * blockPoints + 64), 64);
  lowering.command("gemm_columns", [
    ...[p.x, p.y, p.bias, out],
    ...[lowering.scratch(scratchBytes * lowering.threads), scratchBytes],
    ...[batch, p.strideX, p.strideY, points, n, k, Number(p.transposedY), chunk],
    ...[blockPoints, blockColumns, blockTaps, blockChannels, ...gridWords(grid)],
  ]);
  if (chunks > 1) lowering.command("gemm_sum", [out, p.out, chunks, length]);
}
