// The Winograd weight gradient: dw = G^T [ sum over tiles of (B^T x B) * (A dY A^T) ] G, one GEMM
// [k, tiles] x [tiles, n] per product.
//
// "Chunks" is for many tiles: each chunk, whose extent does not depend on the number of threads,
// sums its tiles block by block within the level-2 cache, and the chunks are added in order.
// "Blocks" is for few tiles and many channels: both operands are transformed once, then each block
// of the result is summed over all tiles and transformed back at once.
import { Columns, multiplyTile } from "./gemm-tile";
import { F2, F4, WeightGradient, inputSide, mapSquare, products } from "./winograd-transforms";
import {
  PanelLayout, Tiling, tileCount, transformGradient, transformInput,
} from "./winograd-tiles";
import { threadScratch } from "./runtime";
import { shareStart } from "./simd";

@unmanaged
class GradientCall {
  x: usize;
  dy: usize;
  dw: usize;
  /** "chunks": each chunk's sums. "blocks": transformed x and dy. */
  sums: usize;
  transformedX: usize;
  transformedDy: usize;
  /** Private memory: `scratchBytes` for each thread. */
  scratch: usize;
  scratchBytes: i32;
  /** Tiles of a chunk and of a block within it, multiples of 4. */
  chunkTiles: i32;
  blockTiles: i32;
  /** Panels of 4 input channels ("blocks" only) and of 8 output channels in an item of work. */
  blockFours: i32;
  blockEights: i32;
  /** Two PanelLayouts (of x, of dy) and a Tiling follow. */
}

// @ts-ignore: decorator
@inline
function layoutX(call: GradientCall): PanelLayout {
  return changetype<PanelLayout>(changetype<usize>(call) + offsetof<GradientCall>());
}

// @ts-ignore: decorator
@inline
function layoutDy(call: GradientCall): PanelLayout {
  return changetype<PanelLayout>(changetype<usize>(layoutX(call)) + offsetof<PanelLayout>());
}

// @ts-ignore: decorator
@inline
function tilingOf(call: GradientCall): Tiling {
  return changetype<Tiling>(changetype<usize>(layoutDy(call)) + offsetof<PanelLayout>());
}

/** Bytes of the sums of one product. */
// @ts-ignore: decorator
@inline
function sumBytes(fours: i32, eights: i32): usize {
  return (<usize>(fours * eights) << 7) + 64;
}

/** M[product][eight][four] (+)= X^T dY for `fours` x `eights` panels over `depth` tiles. */
// @ts-ignore: decorator
@inline
function multiplyProducts<F>(
  x: usize, lx: PanelLayout, y: usize, ly: PanelLayout, fours: i32, eights: i32, depth: i32,
  accumulate: bool, m: usize, mBytes: usize,
): void {
  for (let product = 0; product < products<F>(); product++) {
    let b = y, c = m;
    for (let j = 0; j < eights; j++, b += ly.channelBytes) {
      let a = x;
      for (let i = 0; i < fours; i++, a += lx.channelBytes, c += 128) {
        multiplyTile<Columns>(a, b, depth, accumulate, c, c + 32, c + 64, c + 96);
      }
    }
    x += lx.productBytes;
    y += ly.productBytes;
    m += mBytes;
  }
}

/** G^T M G of four input and up to eight output channels, M's vectors `productBytes` apart. */
// @ts-ignore: decorator
@inline
function storeFilters<F>(
  t: Tiling, dw: usize, four: i32, eight: i32, from: usize, productBytes: usize,
): void {
  const tapBytes = <usize>(t.k * t.n) << 2;
  const side = <usize>inputSide<F>();
  const halves = t.n - (eight << 3) > 4 ? 2 : 1;
  for (let r = 0; r < 4; r++) {
    for (let half = 0; half < halves; half++) {
      const to = dw + (<usize>((four * 4 + r) * t.n + eight * 8 + half * 4) << 2);
      mapSquare<WeightGradient, F>(
        from + (<usize>r << 5) + (<usize>half << 4), productBytes * side, productBytes,
        threadScratch, to, 3 * tapBytes, tapBytes,
      );
    }
  }
}

function chunks<F>(thread: i32, threads: i32, p: usize): void {
  const call = changetype<GradientCall>(p);
  const t = tilingOf(call), lx = layoutX(call), ly = layoutDy(call);
  const total = tileCount(t), fours = t.k >> 2, eights = (t.n + 7) >> 3;
  const groups = (eights + call.blockEights - 1) / call.blockEights;
  const items = (total + call.chunkTiles - 1) / call.chunkTiles * groups;
  const x = call.scratch + <usize>thread * <usize>call.scratchBytes;
  const y = x + <usize>products<F>() * lx.productBytes;
  const mBytes = sumBytes(fours, eights);
  const last = shareStart(items, thread + 1, threads);
  for (let item = shareStart(items, thread, threads); item < last; item++) {
    const chunk = <i32>item / groups, eight = <i32>item % groups * call.blockEights;
    const countEights = min(call.blockEights, eights - eight);
    const n0 = eight << 3, n1 = min(t.n, n0 + (countEights << 3));
    const start = chunk * call.chunkTiles, end = min(total, start + call.chunkTiles);
    const sums = call.sums + <usize>(chunk * products<F>()) * mBytes;
    const m = sums + (<usize>(eight * fours) << 7);
    for (let first = start; first < end; first += call.blockTiles) {
      const depth = (min(call.blockTiles, end - first) + 3) & ~3;
      transformInput<F>(t, call.x, first, depth, x, lx);
      transformGradient<F>(t, call.dy, first, depth, n0, n1, y, ly);
      multiplyProducts<F>(x, lx, y, ly, fours, countEights, depth, first > start, m, mBytes);
    }
  }
}

/** Adds the chunks and transforms back. */
function finish<F>(thread: i32, threads: i32, p: usize): void {
  const call = changetype<GradientCall>(p);
  const t = tilingOf(call);
  const fours = t.k >> 2, eights = (t.n + 7) >> 3;
  const count = (tileCount(t) + call.chunkTiles - 1) / call.chunkTiles;
  const mBytes = sumBytes(fours, eights);
  const chunkBytes = <usize>products<F>() * mBytes;
  // 36 tiles of 128 bytes, behind the intermediate square.
  const total = threadScratch + 1024;
  const last = shareStart(fours * eights, thread + 1, threads);
  for (let item = shareStart(fours * eights, thread, threads); item < last; item++) {
    let from = call.sums + (<usize>item << 7);
    for (let product = 0; product < products<F>(); product++, from += mBytes) {
      const to = total + (<usize>product << 7);
      for (let i: usize = 0; i < 128; i += 16) {
        let sum = v128.load(from + i);
        for (let chunk = 1; chunk < count; chunk++) {
          sum = f32x4.add(sum, v128.load(from + <usize>chunk * chunkBytes + i));
        }
        v128.store(to + i, sum);
      }
    }
    storeFilters<F>(t, call.dw, <i32>item % fours, <i32>item / fours, total, 128);
  }
}

/** The transforms of all tiles, for "blocks". */
function operands<F>(thread: i32, threads: i32, p: usize): void {
  const call = changetype<GradientCall>(p);
  const t = tilingOf(call), lx = layoutX(call), ly = layoutDy(call);
  const groups = (tileCount(t) + 3) >> 2;
  const start = shareStart(groups, thread, threads), end = shareStart(groups, thread + 1, threads);
  const first = <i32>start << 2, count = <i32>(end - start) << 2;
  const x = call.transformedX + <usize>start * lx.fourBytes;
  const y = call.transformedDy + <usize>start * ly.fourBytes;
  transformInput<F>(t, call.x, first, count, x, lx);
  transformGradient<F>(t, call.dy, first, count, 0, t.n, y, ly);
}

function blocks<F>(thread: i32, threads: i32, p: usize): void {
  const call = changetype<GradientCall>(p);
  const t = tilingOf(call), lx = layoutX(call), ly = layoutDy(call);
  const fours = t.k >> 2, eights = (t.n + 7) >> 3;
  const depth = (tileCount(t) + 3) & ~3;
  const across = (fours + call.blockFours - 1) / call.blockFours;
  const down = (eights + call.blockEights - 1) / call.blockEights;
  const m = call.scratch + <usize>thread * <usize>call.scratchBytes;
  const last = shareStart(across * down, thread + 1, threads);
  for (let item = shareStart(across * down, thread, threads); item < last; item++) {
    const four = (<i32>item % across) * call.blockFours;
    const eight = (<i32>item / across) * call.blockEights;
    const countFours = min(call.blockFours, fours - four);
    const countEights = min(call.blockEights, eights - eight);
    const mBytes = sumBytes(countFours, countEights);
    multiplyProducts<F>(
      call.transformedX + <usize>four * lx.channelBytes, lx,
      call.transformedDy + <usize>eight * ly.channelBytes, ly, countFours, countEights, depth,
      false, m, mBytes,
    );
    for (let j = 0; j < countEights; j++) {
      for (let i = 0; i < countFours; i++) {
        const from = m + (<usize>(j * countFours + i) << 7);
        storeFilters<F>(t, call.dw, four + i, eight + j, from, mBytes);
      }
    }
  }
}

export function winograd4_gradient_chunks(thread: i32, threads: i32, p: usize): void {
  chunks<F4>(thread, threads, p);
}

export function winograd4_gradient_finish(thread: i32, threads: i32, p: usize): void {
  finish<F4>(thread, threads, p);
}

export function winograd4_gradient_operands(thread: i32, threads: i32, p: usize): void {
  operands<F4>(thread, threads, p);
}

export function winograd4_gradient_blocks(thread: i32, threads: i32, p: usize): void {
  blocks<F4>(thread, threads, p);
}

export function winograd2_gradient_chunks(thread: i32, threads: i32, p: usize): void {
  chunks<F2>(thread, threads, p);
}

export function winograd2_gradient_finish(thread: i32, threads: i32, p: usize): void {
  finish<F2>(thread, threads, p);
}

export function winograd2_gradient_operands(thread: i32, threads: i32, p: usize): void {
  operands<F2>(thread, threads, p);
}

export function winograd2_gradient_blocks(thread: i32, threads: i32, p: usize): void {
  blocks<F2>(thread, threads, p);
}
