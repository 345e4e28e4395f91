import { multiplyTile } from "./gemm-tile";
import { threadScratch } from "./runtime";

/**
 * A tile at the edge of C, by way of private memory: only `rows` x `columns` of it are read and
 * written. `table` holds the addresses of C's rows, the tile starts `offset` bytes into each.
 */
export function storePartial<Layout>(
  a: usize, b: usize, k: i32, accumulate: bool, table: usize, offset: usize, rows: i32,
  columns: i32,
): void {
  const tile = threadScratch;
  const bytes = <usize>columns << 2;
  if (accumulate) {
    for (let r = 0; r < rows; r++) {
      const row = load<usize>(table + (<usize>r << 2)) + offset;
      memory.copy(tile + (<usize>r << 5), row, bytes);
    }
  }
  multiplyTile<Layout>(a, b, k, accumulate, tile, tile + 32, tile + 64, tile + 96);
  for (let r = 0; r < rows; r++) {
    const row = load<usize>(table + (<usize>r << 2)) + offset;
    memory.copy(row, tile + (<usize>r << 5), bytes);
  }
}
