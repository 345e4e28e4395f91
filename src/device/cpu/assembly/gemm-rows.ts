// out[rows, n] := A B and its epilogue, where a row of A is a run of channels, or one run per tap.
import { Rows, multiplyTile } from "./gemm-tile";
import {
  Grid, Point, Taps, measureTaps, moveOn, moveTo, outputPixel, reachesInside, tapInside, tapOffset,
} from "./gemm-geometry";
import { clampRow, startRow } from "./epilogue";
import { storePartial } from "./gemm-edge";
import { threadScratch } from "./runtime";
import { shareStart } from "./simd";

/** Private memory: behind the tile of gemm-edge. */
const POINT: usize = 256;

@unmanaged
class RowsCall {
  x: usize;
  /** From gemm_pack. */
  packed: usize;
  out: usize;
  /** An Epilogue: bias, residual (with a batch of 1 alone), ReLU. */
  bias: usize;
  residual: usize;
  relu: i32;
  /** Private memory: `scratchBytes` for each thread. */
  scratch: usize;
  scratchBytes: i32;
  batch: i32;
  /** Floats from one batch entry to the next. */
  strideX: i32;
  stridePacked: i32;
  strideOut: i32;
  rows: i32;
  n: i32;
  /** Channels of x: the inner dimension is taps * k. */
  k: i32;
  /** Blocks: rows, columns (a multiple of 8), and taps x channels of the inner dimension. */
  blockRows: i32;
  blockColumns: i32;
  blockTaps: i32;
  blockChannels: i32;
  /** A Grid follows. */
}

/** Four rows' channels [c0, c1) of taps [t0, t1) -> an A panel. */
function packRows(
  call: RowsCall, grid: Grid, taps: Taps, x: usize, point: Point, rows: i32, t0: i32, t1: i32,
  c0: i32, c1: i32, to: usize,
): void {
  const width = c1 - c0;
  const pixelBytes = <usize>call.k << 2;
  for (let r = 0; r < rows; r++, to += 16, moveOn(point, grid)) {
    const y = point.y * grid.strideH, column = point.x * grid.strideW;
    const pixel = (point.image * grid.inH + y) * grid.inW + column;
    const base = x + <usize>pixel * pixelBytes + (<usize>c0 << 2);
    const whole = reachesInside(taps, grid, y, column);
    let at = to;
    for (let t = t0; t < t1; t++) {
      const inside = whole || tapInside(grid, t, y, column);
      let from = base + tapOffset(taps, t);
      if (width == 4) {
        v128.store(at, inside ? v128.load(from) : f32x4.splat(0));
        at += 64;
      } else if ((width & 3) == 0) {
        const end = at + (<usize>width << 4);
        if (inside) {
          for (; at < end; at += 64, from += 16) v128.store(at, v128.load(from));
        } else {
          for (; at < end; at += 64) v128.store(at, f32x4.splat(0));
        }
      } else {
        // Channels that are no multiple of 4: element i of the row is word i % 4 of vector i / 4.
        for (let c = 0; c < width; c++, from += 4) {
          const i = (t - t0) * width + c;
          const word = to + (<usize>(i >> 2) << 6) + (<usize>(i & 3) << 2);
          store<f32>(word, inside ? load<f32>(from) : 0);
        }
      }
    }
  }
}

export function gemm_rows(thread: i32, threads: i32, p: usize): void {
  const call = changetype<RowsCall>(p);
  const grid = changetype<Grid>(p + offsetof<RowsCall>());
  const n = call.n, k = call.k, taps = grid.taps, inner = taps * k;
  const blockRows = call.blockRows, blockColumns = call.blockColumns;
  const addresses = call.scratch + <usize>thread * <usize>call.scratchBytes;
  const tapTable = changetype<Taps>(addresses + (<usize>blockRows << 2));
  const panels = addresses + ((<usize>(blockRows + taps) * 4 + offsetof<Taps>() + 63) & ~63);
  measureTaps(tapTable, grid, k << 2);
  const point = changetype<Point>(threadScratch + POINT);
  const rowBlocks = (call.rows + blockRows - 1) / blockRows;
  const columnBlocks = (n + blockColumns - 1) / blockColumns;
  const items = call.batch * rowBlocks * columnBlocks;
  const adds = (call.bias | call.residual) != 0;
  const last = shareStart(items, thread + 1, threads);
  for (let item = shareStart(items, thread, threads); item < last; item++) {
    const n0 = <i32>(item % columnBlocks) * blockColumns;
    const row0 = <i32>((item / columnBlocks) % rowBlocks) * blockRows;
    const batch = <i32>(item / (columnBlocks * rowBlocks));
    const n1 = min(n, n0 + blockColumns), count = min(blockRows, call.rows - row0);
    const x = call.x + (<usize>(batch * call.strideX) << 2);
    const packed = call.packed + (<usize>(batch * call.stridePacked) << 2);
    const out = call.out + (<usize>(batch * call.strideOut) << 2);
    moveTo(point, grid, row0);
    for (let r = 0; r < count; r++, moveOn(point, grid)) {
      const row = out + <usize>outputPixel(grid, point) * (<usize>n << 2);
      store<usize>(addresses + (<usize>r << 2), row);
      if (adds) {
        const from = <usize>n0 << 2;
        const bias = call.bias ? call.bias + from : 0;
        const residual = call.residual ? call.residual + (row - call.out) + from : 0;
        startRow(row + from, bias, residual, n1 - n0);
      }
    }
    let accumulate = adds;
    for (let t0 = 0; t0 < taps; t0 += call.blockTaps) {
      const t1 = min(taps, t0 + call.blockTaps);
      for (let c0 = 0; c0 < k; c0 += call.blockChannels) {
        const c1 = min(k, c0 + call.blockChannels);
        const depth = (t1 - t0) * (c1 - c0);
        const panelBytes = <usize>((depth + 3) & ~3) << 4;
        moveTo(point, grid, row0);
        for (let r = 0; r < count; r += 4) {
          const to = panels + <usize>(r >> 2) * panelBytes, rows = min(4, count - r);
          packRows(call, grid, tapTable, x, point, rows, t0, t1, c0, c1, to);
        }
        for (let column = n0; column < n1; column += 8) {
          const b = packed + ((<usize>(column >> 3) * inner + t0 * k + c0) << 5);
          const offset = <usize>column << 2;
          for (let r = 0; r < count; r += 4) {
            const a = panels + <usize>(r >> 2) * panelBytes;
            const table = addresses + (<usize>r << 2);
            if (r + 4 <= count && column + 8 <= n) {
              multiplyTile<Rows>(
                a, b, depth, accumulate,
                load<usize>(table) + offset, load<usize>(table, 4) + offset,
                load<usize>(table, 8) + offset, load<usize>(table, 12) + offset,
              );
            } else {
              storePartial<Rows>(
                a, b, depth, accumulate, table, offset, min(4, count - r), min(8, n - column),
              );
            }
          }
        }
        accumulate = true;
      }
    }
    if (!call.relu) continue;
    for (let r = 0; r < count; r++) {
      clampRow(load<usize>(addresses + (<usize>r << 2)) + (<usize>n0 << 2), n1 - n0);
    }
  }
}
