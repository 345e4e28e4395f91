// out[taps * channels, n] := sum over points of A^T B (+ bias): a convolution's weight gradient, and
// the product with a transposed A. Points are split into chunks that do not depend on the number of
// threads; each chunk's sum goes to its own part, and gemm_sum adds the parts in order.
import { Columns, multiplyTile } from "./gemm-tile";
import {
  Grid, Point, Taps, measureTaps, moveOn, moveTo, reachesInside, tapInside, tapOffset,
} from "./gemm-geometry";
import { packStraight, packTransposed } from "./gemm-pack";
import { storePartial } from "./gemm-edge";
import { threadScratch } from "./runtime";
import { shareStart } from "./simd";

/** Private memory, behind the tile of gemm-edge: four addresses, and the point being packed. */
const TABLE: usize = 128;
const POINT: usize = 256;

@unmanaged
class ColumnsCall {
  x: usize;
  y: usize;
  /** 0 for none; only with one chunk. */
  bias: usize;
  out: usize;
  /** Private memory: `scratchBytes` for each thread. */
  scratch: usize;
  scratchBytes: i32;
  batch: i32;
  /** Floats from one batch entry to the next. */
  strideX: i32;
  strideY: i32;
  points: i32;
  n: i32;
  /** Channels of x: the result has taps * k rows. */
  k: i32;
  /** y is [n, points], not [points, n]. */
  transposedY: i32;
  chunk: i32;
  /** Blocks: points, columns (a multiple of 8), taps and channels (a multiple of 4). */
  blockPoints: i32;
  blockColumns: i32;
  blockTaps: i32;
  blockChannels: i32;
  /** A Grid follows. */
}

/** Channels [c0, c1) of taps [t0, t1) at `count` points -> A panels. */
function packColumns(
  call: ColumnsCall, grid: Grid, taps: Taps, x: usize, point: Point, count: i32, t0: i32, t1: i32,
  c0: i32, c1: i32, to: usize, panelBytes: usize,
): void {
  const pixelBytes = <usize>call.k << 2;
  const runBytes = <usize>((c1 - c0 + 3) >> 2) * panelBytes;
  for (let i = 0; i < count; i++, to += 16, moveOn(point, grid)) {
    const y = point.y * grid.strideH, column = point.x * grid.strideW;
    const pixel = (point.image * grid.inH + y) * grid.inW + column;
    const base = x + <usize>pixel * pixelBytes + (<usize>c0 << 2);
    const whole = reachesInside(taps, grid, y, column);
    let at = to;
    for (let t = t0; t < t1; t++) {
      const end = at + runBytes;
      if (whole || tapInside(grid, t, y, column)) {
        let from = base + tapOffset(taps, t);
        for (; at < end; at += panelBytes, from += 16) v128.store(at, v128.load(from));
      } else {
        for (; at < end; at += panelBytes) v128.store(at, f32x4.splat(0));
      }
    }
  }
}

/** A block of panels of A times the panels of B. */
function multiplyBlock(
  call: ColumnsCall, a: usize, b: usize, panelBytes: usize, depth: i32, accumulate: bool,
  out: usize, t0: i32, t1: i32, c0: i32, c1: i32, n0: i32, n1: i32,
): void {
  const n = call.n, ld = <usize>n << 2;
  const table = threadScratch + TABLE;
  for (let column = n0; column < n1; column += 8, b += <usize>depth << 5) {
    let panel = a;
    for (let t = t0; t < t1; t++) {
      for (let c = c0; c < c1; c += 4, panel += panelBytes) {
        const to = out + <usize>(t * call.k + c) * ld + (<usize>column << 2);
        if (c + 4 <= c1 && column + 8 <= n) {
          multiplyTile<Columns>(
            panel, b, depth, accumulate, to, to + ld, to + 2 * ld, to + 3 * ld,
          );
        } else {
          for (let r: usize = 0; r < 4; r++) store<usize>(table + (r << 2), to + r * ld);
          storePartial<Columns>(
            panel, b, depth, accumulate, table, 0, min(4, c1 - c), min(8, n - column),
          );
        }
      }
    }
  }
}

export function gemm_columns(thread: i32, threads: i32, p: usize): void {
  const call = changetype<ColumnsCall>(p);
  const grid = changetype<Grid>(p + offsetof<ColumnsCall>());
  const n = call.n, k = call.k, taps = grid.taps, blockPoints = call.blockPoints;
  const blockColumns = call.blockColumns, blockTaps = call.blockTaps;
  const blockChannels = call.blockChannels, points = call.points;
  // An A panel, and a cache line so that panels do not share cache sets.
  const panelBytes = (<usize>blockPoints << 4) + 64;
  const tapTable = changetype<Taps>(call.scratch + <usize>thread * <usize>call.scratchBytes);
  const tableBytes = ((<usize>taps << 2) + offsetof<Taps>() + 63) & ~63;
  const bPanels = changetype<usize>(tapTable) + tableBytes;
  const aPanels = bPanels + (<usize>(blockPoints * blockColumns) << 2);
  measureTaps(tapTable, grid, k << 2);
  const point = changetype<Point>(threadScratch + POINT);
  const chunks = (points + call.chunk - 1) / call.chunk;
  const tapBlocks = (taps + blockTaps - 1) / blockTaps;
  const channelBlocks = (k + blockChannels - 1) / blockChannels;
  const columnBlocks = (n + blockColumns - 1) / blockColumns;
  const items = call.batch * chunks * tapBlocks * channelBlocks * columnBlocks;
  const last = shareStart(items, thread + 1, threads);
  for (let item = shareStart(items, thread, threads); item < last; item++) {
    let rest = <i32>item;
    const n0 = rest % columnBlocks * blockColumns;
    rest /= columnBlocks;
    const c0 = rest % channelBlocks * blockChannels;
    rest /= channelBlocks;
    const t0 = rest % tapBlocks * blockTaps;
    rest /= tapBlocks;
    const chunk = rest % chunks, batch = rest / chunks;
    const n1 = min(n, n0 + blockColumns), c1 = min(k, c0 + blockChannels);
    const t1 = min(taps, t0 + blockTaps);
    const x = call.x + (<usize>(batch * call.strideX) << 2);
    const y = call.y + (<usize>(batch * call.strideY) << 2);
    const out = call.out + (<usize>(batch * chunks + chunk) * <usize>(taps * k * n) << 2);
    if (call.bias) {
      const from = <usize>n0 << 2, bytes = <usize>(n1 - n0) << 2;
      for (let t = t0; t < t1; t++) {
        for (let c = c0; c < c1; c++) {
          const row = out + (<usize>(t * k + c) * <usize>n << 2);
          memory.copy(row + from, call.bias + from, bytes);
        }
      }
    }
    let accumulate = call.bias != 0;
    const end = min(points, (chunk + 1) * call.chunk);
    for (let first = chunk * call.chunk; first < end; first += blockPoints) {
      const depth = min(blockPoints, end - first);
      for (let column = n0; column < n1; column += 8) {
        const to = bPanels + (<usize>((column - n0 >> 3) * depth) << 5);
        if (call.transposedY) {
          const from = y + (<usize>(column * points + first) << 2);
          packTransposed(from, <usize>points << 2, min(8, n - column), depth, to);
        } else {
          const from = y + (<usize>(first * n + column) << 2);
          packStraight(from, <usize>n << 2, depth, to);
        }
      }
      moveTo(point, grid, first);
      packColumns(
        call, grid, tapTable, x, point, depth, t0, t1, c0, c1, aPanels, panelBytes,
      );
      multiplyBlock(
        call, aPanels, bPanels, panelBytes, depth, accumulate, out, t0, t1, c0, c1, n0, n1,
      );
      accumulate = true;
    }
  }
}

/** out[i] := parts[0][i] + parts[1][i] + ..., each part `length` floats. */
export function gemm_sum(thread: i32, threads: i32, p: usize): void {
  const parts = <usize>load<u32>(p), out = <usize>load<u32>(p, 4);
  const count = load<i32>(p, 8), length = load<u32>(p, 12);
  const bytes = <usize>length << 2;
  const vectors = length >> 2;
  const end = <usize>shareStart(vectors, thread + 1, threads) << 4;
  for (let i = <usize>shareStart(vectors, thread, threads) << 4; i < end; i += 16) {
    let sum = v128.load(parts + i);
    for (let c = 1; c < count; c++) sum = f32x4.add(sum, v128.load(parts + <usize>c * bytes + i));
    v128.store(out + i, sum);
  }
  if (thread != 0) return;
  for (let i = <usize>vectors << 4; i < bytes; i += 4) {
    let sum = load<f32>(parts + i);
    for (let c = 1; c < count; c++) sum += load<f32>(parts + <usize>c * bytes + i);
    store<f32>(out + i, sum);
  }
}
