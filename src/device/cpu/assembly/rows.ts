import { copySpan, fillSpan } from "./copy";
import { shareStart, storeTail } from "./simd";

/** Params: x, index, out, rows, picked, columns. */
export function gather_rows(thread: i32, threads: i32, p: usize): void {
  const rows = load<u32>(p, 12);
  const picked = load<u32>(p, 16);
  const columns = load<u32>(p, 20);
  const end = shareStart(picked, thread + 1, threads);
  for (let i = shareStart(picked, thread, threads); i < end; i++) {
    const row = load<u32>(load<usize>(p, 4) + 4 * i);
    const to = load<usize>(p, 8) + 4 * <usize>(i * columns);
    if (row < rows) copySpan(load<usize>(p) + 4 * <usize>(row * columns), to, columns);
    else fillSpan(to, f32x4.splat(NaN), columns);
  }
}

/**
 * Each thread owns a run of result rows and adds the rows of dy that belong there, in order.
 * Params: dy, index, out, rows, picked, columns.
 */
export function scatter_add_rows(thread: i32, threads: i32, p: usize): void {
  const rows = load<u32>(p, 12);
  const picked = load<u32>(p, 16);
  const columns = load<u32>(p, 20);
  const start = shareStart(rows, thread, threads);
  const end = shareStart(rows, thread + 1, threads);
  const out = load<usize>(p, 8);
  if (start == end) return;
  fillSpan(out + 4 * <usize>(start * columns), f32x4.splat(0), (end - start) * columns);
  for (let i: u32 = 0; i < picked; i++) {
    const row = load<u32>(load<usize>(p, 4) + 4 * i);
    if (row < start || row >= end) continue;
    const from = load<usize>(p) + 4 * <usize>(i * columns);
    const to = out + 4 * <usize>(row * columns);
    for (let c: u32 = 0; c < columns; c += 4) {
      const sum = f32x4.add(v128.load(to + 4 * c), v128.load(from + 4 * c));
      if (c + 4 <= columns) v128.store(to + 4 * c, sum);
      else storeTail(to + 4 * c, sum, columns - c);
    }
  }
}

/** Params: index, out, picked, classes, on, off. */
export function one_hot(thread: i32, threads: i32, p: usize): void {
  const picked = load<u32>(p, 8);
  const classes = load<u32>(p, 12);
  const end = shareStart(picked, thread + 1, threads);
  for (let i = shareStart(picked, thread, threads); i < end; i++) {
    const to = load<usize>(p, 4) + 4 * <usize>(i * classes);
    fillSpan(to, v128.load32_splat(p, 20), classes);
    const hot = load<u32>(load<usize>(p) + 4 * i);
    if (hot < classes) store<u32>(to + 4 * <usize>hot, load<u32>(p, 16));
  }
}
