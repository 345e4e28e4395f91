// What the tile loops through workgroup memory share: every invocation fetches the same places of
// the tiles all along, LOADS_A and LOADS_B vectors, so it decodes its rows once. A loop defines
// invocations, tileRows and tileColumns, and the constant TILE_K.
const LOADS_A = tileRows * TILE_K / 4 / invocations;
const LOADS_B = tileColumns * TILE_K / 4 / invocations;
const blocksA = LOADS_A;
const blocksB = LOADS_B;

/// Place and k of vector `item` of a tile `size` wide, along k or across.
fn placeOf(item: u32, size: u32, alongK: bool) -> vec2u {
  if (alongK) {
    return vec2u(item / (TILE_K / 4u), item % (TILE_K / 4u) * 4u);
  }
  return vec2u(item % (size / 4u) * 4u, item / (size / 4u));
}

/// Place and k of the vector that an invocation fetches as its i-th, in A's tile and in B's.
fn placeInA(index: u32, i: u32) -> vec2u {
  return placeOf(index + i * invocations, tileRows, !A_ALONG_M);
}

fn placeInB(index: u32, i: u32) -> vec2u {
  return placeOf(index + i * invocations, tileColumns, B_ALONG_K);
}

fn fetchedRows(p: Params, z: u32, m: u32, index: u32) -> array<RowA, LOADS_A> {
  var rows: array<RowA, LOADS_A>;
  for (var i = 0u; i < LOADS_A; i++) {
    rows[i] = rowA(p, z, m + placeInA(index, i).x);
  }
  return rows;
}

fn fetchedColumns(p: Params, z: u32, n: u32, index: u32) -> array<ColB, LOADS_B> {
  var columns: array<ColB, LOADS_B>;
  for (var i = 0u; i < LOADS_B; i++) {
    columns[i] = colB(p, z, n + placeInB(index, i).x);
  }
  return columns;
}

fn fetchedRowStarts(p: Params, z: u32, rows: array<RowA, LOADS_A>, s: u32) -> array<u32, LOADS_A> {
  var starts: array<u32, LOADS_A>;
  for (var i = 0u; i < LOADS_A; i++) {
    starts[i] = segmentA(p, z, rows[i], s);
  }
  return starts;
}

fn fetchedColumnStarts(
  p: Params,
  z: u32,
  columns: array<ColB, LOADS_B>,
  s: u32,
) -> array<u32, LOADS_B> {
  var starts: array<u32, LOADS_B>;
  for (var i = 0u; i < LOADS_B; i++) {
    starts[i] = segmentB(p, z, columns[i], s);
  }
  return starts;
}

/// loadA and loadB, zero beyond the segment.
fn fetchA(p: Params, row: RowA, start: u32, k: u32) -> vec4f {
  if (k < p.segment) {
    return loadA(p, row, start, k);
  }
  return vec4f();
}

fn fetchB(p: Params, col: ColB, start: u32, k: u32) -> vec4f {
  if (k < p.segment) {
    return loadB(p, col, start, k);
  }
  return vec4f();
}
