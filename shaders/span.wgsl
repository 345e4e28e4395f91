/// Rows and columns over workgroups of 64: `across` lanes side by side along the columns, `down`
/// lanes taking every `down`-th row of the group's block of rows. Needs in params: rows, columns,
/// across, down, rowsPerGroup, tiles (groups along the columns).
struct Span {
  column: u32,
  /// The block's rows are [begin, end); this lane starts at `first` and steps by params.down.
  first: u32,
  begin: u32,
  end: u32,
  block: u32,
  /// False for a lane beyond the columns or beyond across * down.
  busy: bool,
  /// The first lane of each column, which merges what the column's lanes found.
  leader: bool,
}

fn spanOf(group: u32, lane: u32) -> Span {
  let block = group / params.tiles;
  let down = lane / params.across;
  let column = group % params.tiles * params.across + lane % params.across;
  let begin = block * params.rowsPerGroup;
  let busy = column < params.columns && down < params.down && begin < params.rows;
  return Span(
    column,
    begin + down,
    begin,
    min(begin + params.rowsPerGroup, params.rows),
    block,
    busy,
    busy && down == 0,
  );
}
