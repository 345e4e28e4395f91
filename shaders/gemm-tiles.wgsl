const none = 0xffffffffu;

/// Row, column and batch entry of a workgroup's tile; columns change first.
fn tileOf(group: u32, rows: u32, columns: u32) -> vec3u {
  let across = (p.n + columns - 1u) / columns;
  let down = (p.m + rows - 1u) / rows;
  let row = group / across;
  return vec3u(row % down * rows, group % across * columns, row / down);
}
