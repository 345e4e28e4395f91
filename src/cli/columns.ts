/** A plain table: the first column to the left, the others to the right, or all to the left. */
export function columns(
  rows: readonly (readonly string[])[],
  { gap = 3, left = false }: { gap?: number; left?: boolean } = {},
): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const pad = (cell: string, i: number): string =>
    left || i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0);
  return rows.map((row) => row.map(pad).join(" ".repeat(gap)).trimEnd());
}
