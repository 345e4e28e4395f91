// Winograd convolution of stride 1, and its input gradient (the same with flipped weights).
//
// Two schedules give bit-equal results. "Tiles" is for many tiles and few weights: a block of tiles
// is transformed, multiplied and transformed back within the level-2 cache. "Channels" is for few
// tiles and many weights: all tiles are transformed once, then each panel of 8 output channels
// transforms its weights on the fly, so that these, 4 times the filter's size, never reach memory.
import { Rows, multiplyTile } from "./gemm-tile";
import { F2, F4, products } from "./winograd-transforms";
import { PanelLayout, Tiling, tileCount, transformInput, transformOutput } from "./winograd-tiles";
import { transformWeights, weightPanelBytes } from "./winograd-weights";
import { shareStart } from "./simd";
import { Epilogue } from "./epilogue";

@unmanaged
class ConvCall {
  input: usize;
  w: usize;
  /** Transformed weights ("tiles") or transformed input ("channels"), from the command before. */
  transformed: usize;
  out: usize;
  /** Private memory: `scratchBytes` for each thread. */
  scratch: usize;
  scratchBytes: i32;
  flipped: i32;
  /** Tiles of a block, a multiple of 4. */
  blockTiles: i32;
  /** "channels": input channels of a block, and panels of 8 output channels in an item of work. */
  blockChannels: i32;
  blockPanels: i32;
  /** An Epilogue, a PanelLayout and a Tiling follow. */
}

// @ts-ignore: decorator
@inline
function epilogueOf(call: ConvCall): Epilogue {
  return changetype<Epilogue>(changetype<usize>(call) + offsetof<ConvCall>());
}

// @ts-ignore: decorator
@inline
function layoutOf(call: ConvCall): PanelLayout {
  return changetype<PanelLayout>(changetype<usize>(epilogueOf(call)) + offsetof<Epilogue>());
}

// @ts-ignore: decorator
@inline
function tilingOf(call: ConvCall): Tiling {
  return changetype<Tiling>(changetype<usize>(layoutOf(call)) + offsetof<PanelLayout>());
}

/**
 * `fours` groups of four tiles of every product, times `panels` panels. U is [panel][product][k][8]
 * and M [panel][product][tile][8]: panels are innermost, for V to be read once for all of them.
 */
// @ts-ignore: decorator
@inline
function multiplyProducts<F>(
  v: usize, vBytes: usize, fourBytes: usize, u: usize, uBytes: usize, depth: i32,
  accumulate: bool, m: usize, mBytes: usize, fours: i32, panels: i32,
): void {
  for (let product = 0; product < products<F>(); product++) {
    let a = v, c = m;
    for (let i = 0; i < fours; i++, a += fourBytes, c += 128) {
      let b = u, to = c;
      for (let q = 0; q < panels; q++) {
        multiplyTile<Rows>(a, b, depth, accumulate, to, to + 32, to + 64, to + 96);
        b += <usize>products<F>() * uBytes;
        to += <usize>products<F>() * mBytes;
      }
    }
    v += vBytes;
    u += uBytes;
    m += mBytes;
  }
}

/** All weights: [panel][product][k][8]. */
function weights<F>(thread: i32, threads: i32, p: usize): void {
  const call = changetype<ConvCall>(p);
  const t = tilingOf(call);
  const productBytes = weightPanelBytes(t.k);
  const panels = (t.n + 7) >> 3, runs = (t.k + 15) >> 4;
  const last = shareStart(panels * runs, thread + 1, threads);
  for (let item = shareStart(panels * runs, thread, threads); item < last; item++) {
    const panel = <i32>item / runs, k0 = (<i32>item % runs) << 4;
    const to = call.transformed + <usize>(panel * products<F>()) * productBytes;
    transformWeights<F>(
      call.w, t.k, t.n, call.flipped != 0, panel << 3, k0, min(t.k, k0 + 16),
      to + (<usize>k0 << 5), productBytes,
    );
  }
}

function tiles<F>(thread: i32, threads: i32, p: usize): void {
  const call = changetype<ConvCall>(p);
  const t = tilingOf(call), layout = layoutOf(call);
  const total = tileCount(t), block = call.blockTiles;
  const blocks = (total + block - 1) / block;
  const v = call.scratch + <usize>thread * <usize>call.scratchBytes;
  const m = v + <usize>products<F>() * layout.productBytes;
  const mBytes = (<usize>block << 5) + 64;
  const uBytes = weightPanelBytes(t.k);
  const last = shareStart(blocks, thread + 1, threads);
  for (let item = shareStart(blocks, thread, threads); item < last; item++) {
    const first = <i32>item * block;
    const count = min(block, total - first);
    const fours = (count + 3) >> 2;
    transformInput<F>(t, call.input, first, fours << 2, v, layout);
    let u = call.transformed;
    for (let n0 = 0; n0 < t.n; n0 += 8, u += <usize>products<F>() * uBytes) {
      multiplyProducts<F>(
        v, layout.productBytes, layout.fourBytes, u, uBytes, t.k, false, m, mBytes, fours, 1,
      );
      transformOutput<F>(t, call.out, first, count, n0, m, mBytes, epilogueOf(call));
    }
  }
}

/** The transformed input of all tiles, for "channels". */
function input<F>(thread: i32, threads: i32, p: usize): void {
  const call = changetype<ConvCall>(p);
  const t = tilingOf(call), layout = layoutOf(call);
  const fours = (tileCount(t) + 3) >> 2;
  const start = shareStart(fours, thread, threads), end = shareStart(fours, thread + 1, threads);
  const to = call.transformed + <usize>start * layout.fourBytes;
  transformInput<F>(t, call.input, <i32>start << 2, <i32>(end - start) << 2, to, layout);
}

function channels<F>(thread: i32, threads: i32, p: usize): void {
  const call = changetype<ConvCall>(p);
  const t = tilingOf(call), layout = layoutOf(call);
  const total = tileCount(t), block = call.blockTiles, group = call.blockPanels;
  const panels = (t.n + 7) >> 3, groups = (panels + group - 1) / group;
  const items = groups * ((total + block - 1) / block);
  const uBytes = weightPanelBytes(call.blockChannels);
  const mBytes = (<usize>block << 5) + 64;
  const u = call.scratch + <usize>thread * <usize>call.scratchBytes;
  const m = u + <usize>(group * products<F>()) * uBytes;
  const last = shareStart(items, thread + 1, threads);
  for (let item = shareStart(items, thread, threads); item < last; item++) {
    const panel = (<i32>item % groups) * group, first = (<i32>item / groups) * block;
    const count = min(block, total - first), size = min(group, panels - panel);
    const v = call.transformed + <usize>(first >> 2) * layout.fourBytes;
    for (let k0 = 0; k0 < t.k; k0 += call.blockChannels) {
      const k1 = min(t.k, k0 + call.blockChannels);
      for (let q = 0; q < size; q++) {
        transformWeights<F>(
          call.w, t.k, t.n, call.flipped != 0, (panel + q) << 3, k0, k1,
          u + <usize>(q * products<F>()) * uBytes, uBytes,
        );
      }
      multiplyProducts<F>(
        v + (<usize>k0 << 4), layout.productBytes, layout.fourBytes, u, uBytes, k1 - k0, k0 > 0,
        m, mBytes, (count + 3) >> 2, size,
      );
    }
    for (let q = 0; q < size; q++) {
      const sums = m + <usize>(q * products<F>()) * mBytes;
      const n0 = (panel + q) << 3;
      transformOutput<F>(t, call.out, first, count, n0, sums, mBytes, epilogueOf(call));
    }
  }
}

export function winograd4_weights(thread: i32, threads: i32, p: usize): void {
  weights<F4>(thread, threads, p);
}

export function winograd4_tiles(thread: i32, threads: i32, p: usize): void {
  tiles<F4>(thread, threads, p);
}

export function winograd4_input(thread: i32, threads: i32, p: usize): void {
  input<F4>(thread, threads, p);
}

export function winograd4_channels(thread: i32, threads: i32, p: usize): void {
  channels<F4>(thread, threads, p);
}

export function winograd2_weights(thread: i32, threads: i32, p: usize): void {
  weights<F2>(thread, threads, p);
}

export function winograd2_tiles(thread: i32, threads: i32, p: usize): void {
  tiles<F2>(thread, threads, p);
}

export function winograd2_input(thread: i32, threads: i32, p: usize): void {
  input<F2>(thread, threads, p);
}

export function winograd2_channels(thread: i32, threads: i32, p: usize): void {
  channels<F2>(thread, threads, p);
}
