import type { Conv2dShape } from "../kernels/conv2d-call.js";
import { type Epilogue, epilogueWords, noEpilogue } from "./epilogue.js";
import type { Lowering } from "./lowering.js";

/** F(m x m, 3 x 3): the side of a tile's output. */
export type TileSide = 2 | 4;

/** A stride-1 convolution cut into tiles; see Tiling in assembly/winograd-tiles.ts. */
interface Tiling {
  readonly m: TileSide;
  readonly images: number;
  readonly inH: number;
  readonly inW: number;
  readonly k: number;
  readonly outH: number;
  readonly outW: number;
  readonly n: number;
  readonly padH: number;
  readonly padW: number;
}

const forwardTiling = (s: Conv2dShape, m: TileSide): Tiling => ({
  ...{ m, images: s.n, inH: s.h, inW: s.w, k: s.cIn, outH: s.outH, outW: s.outW, n: s.cOut },
  ...{ padH: s.padH, padW: s.padW },
});

/** dx is the convolution of dy, padded by 2 - pad, with the flipped weights. */
const inputGradTiling = (s: Conv2dShape, m: TileSide): Tiling => ({
  ...{ m, images: s.n, inH: s.outH, inW: s.outW, k: s.cOut, outH: s.h, outW: s.w, n: s.cIn },
  ...{ padH: 2 - s.padH, padW: 2 - s.padW },
});

const tilesH = (t: Tiling): number => Math.ceil(t.outH / t.m);
const tilesW = (t: Tiling): number => Math.ceil(t.outW / t.m);
const tileCount = (t: Tiling): number => t.images * tilesH(t) * tilesW(t);
/** Products of a tile: 36 or 16. */
const productsOf = (t: Tiling): number => (t.m + 2) ** 2;
const ceil4 = (value: number): number => 4 * Math.ceil(value / 4);
const eightsOf = (n: number): number => Math.ceil(n / 8);
/** A cache line, so that a tile's products, which are written together, lie in different sets. */
const skew = 64;

const tilingWords = (t: Tiling): number[] => [
  ...[t.images, t.inH, t.inW, t.k, t.outH, t.outW, t.n, t.padH, t.padW],
  ...[tilesH(t), tilesW(t)],
];

/** See PanelLayout in assembly/winograd-tiles.ts. */
interface Layout {
  readonly product: number;
  readonly four: number;
  readonly tile: number;
  readonly channel: number;
}

const layoutWords = (l: Layout): number[] => [l.product, l.four, l.tile, l.channel];

/** A operands with channels along the inner dimension: [product][tiles / 4][k / 4][4][4]. */
const rowsLayout = (tiles: number, k: number): Layout => ({
  ...{ product: 4 * tiles * k + skew, four: 16 * k, tile: 16, channel: 64 },
});
/** A operands with tiles along the inner dimension: [product][k / 4][tiles][4]. */
const columnsLayout = (tiles: number, k: number): Layout => {
  const channel = 16 * tiles + skew;
  return { product: (k / 4) * channel + skew, four: 64, tile: 16, channel };
};
/** B operands with tiles along the inner dimension: [product][n / 8][tiles][8]. */
const gradientLayout = (tiles: number, n: number): Layout => {
  const channel = 32 * tiles + skew;
  return { product: eightsOf(n) * channel + skew, four: 128, tile: 32, channel };
};

/** Bytes of all tiles' transforms that a block may take: well within the level-2 cache. */
const blockBytes = 256 * 1024;

/** The same for a weight gradient, whose blocks each read and write all sums: longer pays. */
const gradientBytes = 768 * 1024;

/** Bytes that the chunks' sums of a weight gradient may take. */
const sumsBytes = 16 * 2 ** 20;

/** Whether Winograd can compute it: 3x3, stride 1, padding up to 2, channels in whole vectors. */
export const winogradApplies = (s: Conv2dShape): boolean =>
  s.kh === 3 &&
  s.kw === 3 &&
  s.strideH === 1 &&
  s.strideW === 1 &&
  s.padH <= 2 &&
  s.padW <= 2 &&
  s.cIn % 4 === 0 &&
  s.cOut % 4 === 0;

export function winogradForward(
  lowering: Lowering,
  m: TileSide,
  s: Conv2dShape,
  x: number,
  w: number,
  out: number,
  epilogue: Epilogue,
): void {
  convolve(lowering, forwardTiling(s, m), x, w, out, false, epilogue);
}

export function winogradInputGrad(
  lowering: Lowering,
  m: TileSide,
  s: Conv2dShape,
  dy: number,
  w: number,
  dx: number,
): void {
  convolve(lowering, inputGradTiling(s, m), dy, w, dx, true, noEpilogue);
}

function convolve(
  lowering: Lowering,
  t: Tiling,
  input: number,
  w: number,
  out: number,
  flipped: boolean,
  epilogue: Epilogue,
): void {
  const products = productsOf(t);
  const tiles = tileCount(t);
  // Few tiles and many weights: transform the weights on the fly. The results are the same.
  const byChannels = tiles <= 512 && t.k * t.n > 64 * 64;
  const blockChannels = Math.min(t.k, 64);
  const fitting = Math.floor(blockBytes / (4 * products * t.k));
  const shared = Math.ceil(tiles / (2 * lowering.threads));
  const blockTiles = byChannels
    ? Math.min(ceil4(tiles), 128)
    : Math.max(4, ceil4(Math.min(fitting - 3, shared, 64)));
  const blocks = Math.ceil(tiles / blockTiles);
  const blockPanels = byChannels && eightsOf(t.n) * blocks >= 8 * lowering.threads ? 2 : 1;
  const layout = rowsLayout(byChannels ? ceil4(tiles) : blockTiles, t.k);
  const sums = products * (32 * blockTiles + skew);
  const panel = products * (32 * (byChannels ? blockChannels : t.k) + skew);
  const scratchBytes =
    blockPanels * sums + (byChannels ? blockPanels * panel : products * layout.product);
  const transformed = lowering.scratch(
    byChannels ? products * layout.product : eightsOf(t.n) * panel,
  );
  const scratch = lowering.scratch(scratchBytes * lowering.threads);
  const words = [
    ...[input, w, transformed, out, scratch, scratchBytes],
    ...[
      Number(flipped),
      blockTiles,
      blockChannels,
      blockPanels,
      ...epilogueWords(epilogue),
      ...layoutWords(layout),
      ...tilingWords(t),
    ],
  ];
  lowering.command(`winograd${t.m}_${byChannels ? "input" : "weights"}`, words);
  lowering.command(`winograd${t.m}_${byChannels ? "channels" : "tiles"}`, words);
}

export function winogradWeightGrad(
  lowering: Lowering,
  m: TileSide,
  s: Conv2dShape,
  x: number,
  dy: number,
  dw: number,
): void {
  const t = forwardTiling(s, m);
  const products = productsOf(t);
  const tiles = tileCount(t);
  const [fours, eights] = [t.k / 4, eightsOf(t.n)];
  const sumBytes = (f: number, e: number): number => products * (128 * f * e + skew);
  if (tiles <= 256) {
    const [layoutX, layoutDy] = [
      columnsLayout(ceil4(tiles), t.k),
      gradientLayout(ceil4(tiles), t.n),
    ];
    const transformedX = lowering.scratch(products * layoutX.product);
    const transformedDy = lowering.scratch(products * layoutDy.product);
    let [blockFours, blockEights] = [Math.min(fours, 16), Math.min(eights, 2)];
    const items = (): number => Math.ceil(fours / blockFours) * Math.ceil(eights / blockEights);
    while (items() < 2 * lowering.threads && blockFours > 4) blockFours = Math.ceil(blockFours / 2);
    if (items() < 2 * lowering.threads) blockEights = 1;
    const scratchBytes = sumBytes(blockFours, blockEights);
    const scratch = lowering.scratch(scratchBytes * lowering.threads);
    const words = [
      ...[x, dy, dw, 0, transformedX, transformedDy, scratch, scratchBytes, 0, 0],
      ...[blockFours, blockEights],
      ...[...layoutWords(layoutX), ...layoutWords(layoutDy), ...tilingWords(t)],
    ];
    lowering.command(`winograd${m}_gradient_operands`, words);
    lowering.command(`winograd${m}_gradient_blocks`, words);
    return;
  }
  // The chunks depend on the shape alone; so does the order of every sum. Where few fit, output
  // channels are shared among the threads as well.
  const most = Math.max(1, Math.min(16, Math.floor(sumsBytes / sumBytes(fours, eights))));
  const chunkTiles = ceil4(Math.ceil(tiles / Math.min(most, Math.ceil(tiles / 64))));
  const chunks = Math.ceil(tiles / chunkTiles);
  const groups = Math.min(eights, Math.ceil((2 * lowering.threads) / chunks));
  const groupEights = Math.ceil(eights / groups);
  const fitting = Math.floor(gradientBytes / (4 * products * (t.k + 8 * groupEights)));
  const blockTiles = Math.max(8, Math.min(64, ceil4(fitting - 3)));
  const layoutX = columnsLayout(blockTiles, t.k);
  const layoutDy = gradientLayout(blockTiles, 8 * groupEights);
  const scratchBytes = products * (layoutX.product + layoutDy.product);
  const scratch = lowering.scratch(scratchBytes * lowering.threads);
  const sums = lowering.scratch(chunks * sumBytes(fours, eights));
  const words = [
    ...[x, dy, dw, sums, 0, 0, scratch, scratchBytes, chunkTiles, blockTiles, 0, groupEights],
    ...[...layoutWords(layoutX), ...layoutWords(layoutDy), ...tilingWords(t)],
  ];
  lowering.command(`winograd${m}_gradient_chunks`, words);
  lowering.command(`winograd${m}_gradient_finish`, words);
}
