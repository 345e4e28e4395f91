import { multiplyTile } from "./gemm-tile";
import { threadScratch } from "./runtime";
import { storeTail } from "./simd";

/**
 * A tile at the edge of C, by way of private memory: only `rows` x `columns` of it are written.
 * `table` holds the addresses of C's rows, the tile starts `offset` bytes into each.
 */
export function storePartial<Layout>(
  a: usize, b: usize, k: i32, accumulate: bool, table: usize, offset: usize, rows: i32,
  columns: i32,
): void {
  const tile = threadScratch;
  if (accumulate) {
    for (let r = 0; r < rows; r++) {
      const row = load<usize>(table + (<usize>r << 2)) + offset;
      v128.store(tile + (<usize>r << 5), v128.load(row));
      v128.store(tile + (<usize>r << 5), v128.load(row, 16), 16);
    }
  }
  multiplyTile<Layout>(a, b, k, accumulate, tile, tile + 32, tile + 64, tile + 96);
  for (let r = 0; r < rows; r++) {
    const row = load<usize>(table + (<usize>r << 2)) + offset;
    const low = v128.load(tile + (<usize>r << 5)), high = v128.load(tile + (<usize>r << 5), 16);
    if (columns < 4) {
      storeTail(row, low, columns);
      continue;
    }
    v128.store(row, low);
    if (columns == 8) v128.store(row, high, 16);
    else storeTail(row + 16, high, columns - 4);
  }
}
