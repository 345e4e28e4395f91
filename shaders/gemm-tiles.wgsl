// What the tile loops share. A loop defines blocksA and blocksB, the 4x4 blocks whose rows and
// columns one invocation loads; A's rows are tracked one by one, or by fours if A_ALONG_M.
const none = 0xffffffffu;
const rowsA = select(4 * blocksA, blocksA, A_ALONG_M);
const colsB = select(blocksB, 4 * blocksB, B_ALONG_K);

/// Row, column and batch entry of a workgroup's tile; columns change first.
fn tileOf(p: Params, group: u32, rows: u32, columns: u32) -> vec3u {
  let across = (p.n + columns - 1u) / columns;
  let down = (p.m + rows - 1u) / rows;
  let row = group / across;
  return vec3u(row % down * rows, group % across * columns, row / down);
}

/// The segments to add; none for the workgroups that fill up the last row of the grid.
fn tileSegments(p: Params, z: u32) -> vec2u {
  if (z >= p.count) {
    return vec2u();
  }
  return segments(p, z);
}

fn trackRows(p: Params, z: u32, m: u32) -> array<RowA, rowsA> {
  var rows: array<RowA, rowsA>;
  for (var i = 0u; i < rowsA; i++) {
    rows[i] = rowA(p, z, m + i * select(1u, 4u, A_ALONG_M));
  }
  return rows;
}

fn trackColumns(p: Params, z: u32, n: u32) -> array<ColB, colsB> {
  var columns: array<ColB, colsB>;
  for (var i = 0u; i < colsB; i++) {
    columns[i] = colB(p, z, n + i * select(4u, 1u, B_ALONG_K));
  }
  return columns;
}

fn startRows(p: Params, z: u32, rows: array<RowA, rowsA>, s: u32) -> array<u32, rowsA> {
  var starts: array<u32, rowsA>;
  for (var i = 0u; i < rowsA; i++) {
    starts[i] = segmentA(p, z, rows[i], s);
  }
  return starts;
}

fn startColumns(p: Params, z: u32, columns: array<ColB, colsB>, s: u32) -> array<u32, colsB> {
  var starts: array<u32, colsB>;
  for (var i = 0u; i < colsB; i++) {
    starts[i] = segmentB(p, z, columns[i], s);
  }
  return starts;
}

/// Column i of the result is row i of the block: A[m + i, k .. k+3].
fn blockA(
  p: Params,
  rows: array<RowA, rowsA>,
  starts: array<u32, rowsA>,
  block: u32,
  k: u32,
) -> mat4x4f {
  var result: mat4x4f;
  for (var i = 0u; i < 4u; i++) {
    if (A_ALONG_M) {
      result[i] = loadA(p, rows[block], starts[block], k + i);
    } else {
      result[i] = loadA(p, rows[4u * block + i], starts[4u * block + i], k);
    }
  }
  if (A_ALONG_M) {
    return transpose(result);
  }
  return result;
}

/// Column i of the result is row i of the block: B[k + i, n .. n+3].
fn blockB(
  p: Params,
  columns: array<ColB, colsB>,
  starts: array<u32, colsB>,
  block: u32,
  k: u32,
) -> mat4x4f {
  var result: mat4x4f;
  for (var i = 0u; i < 4u; i++) {
    if (B_ALONG_K) {
      result[i] = loadB(p, columns[4u * block + i], starts[4u * block + i], k);
    } else {
      result[i] = loadB(p, columns[block], starts[block], k + i);
    }
  }
  if (B_ALONG_K) {
    return transpose(result);
  }
  return result;
}

/// sum + a * b, for a row vector a and the 4x4 block b.
fn multiplyAdd(sum: vec4f, a: vec4f, b: mat4x4f) -> vec4f {
  let x = fma(vec4f(a.x), b[0], sum);
  let y = fma(vec4f(a.y), b[1], x);
  let z = fma(vec4f(a.z), b[2], y);
  return fma(vec4f(a.w), b[3], z);
}
