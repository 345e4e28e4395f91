// out[z] = A[z] * B[z], a tile for each workgroup, multiplied by the adapter's matrix units.
// (The loader's functions are listed in gemm-registers.wgsl.)
//
// A subgroup of LANES invocations holds ROWS x COLUMNS matrices of MATRIX_M x MATRIX_N sums in f32;
// a workgroup is SUBGROUPS_M x SUBGROUPS_N subgroups. TILE_K steps of A and B at a time lie in
// workgroup memory in their stored type, vectors in the order in which the loader gives them, row by
// row or column by column: matrices can be loaded from both. Sums leave through workgroup memory as
// well, because only the loader knows where they go. Constants Tile and TileElement: the operands'
// type, by fours and alone.
const invocations = LANES * SUBGROUPS_M * SUBGROUPS_N;
const tileRows = MATRIX_M * ROWS * SUBGROUPS_M;
const tileColumns = MATRIX_N * COLUMNS * SUBGROUPS_N;
/// Vectors from one row or column to the next; two more than needed keep them off one bank.
const strideA = select(TILE_K, tileRows, A_ALONG_M) / 4 + 2;
const strideB = select(tileColumns, TILE_K, B_ALONG_K) / 4 + 2;
const sums = MATRIX_M * MATRIX_N;

alias Left = subgroup_matrix_left<TileElement, MATRIX_K, MATRIX_M>;
alias Right = subgroup_matrix_right<TileElement, MATRIX_N, MATRIX_K>;
alias Sum = subgroup_matrix_result<f32, MATRIX_N, MATRIX_M>;

var<workgroup> tileA: array<Tile, strideA * select(tileRows, TILE_K, A_ALONG_M)>;
var<workgroup> tileB: array<Tile, strideB * select(TILE_K, tileColumns, B_ALONG_K)>;
var<workgroup> staged: array<f32, sums * SUBGROUPS_M * SUBGROUPS_N>;

@compute @workgroup_size(LANES, SUBGROUPS_M * SUBGROUPS_N)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_index) index: u32,
  @builtin(subgroup_id) subgroup: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let p = params;
  let tile = tileOf(p, groupIndex(id, counts), tileRows, tileColumns);
  let z = tile.z;
  let rows = fetchedRows(p, z, tile.x, index);
  let columns = fetchedColumns(p, z, tile.y, index);
  // The subgroup's corner in the tile.
  let m = subgroup / SUBGROUPS_N * ROWS * MATRIX_M;
  let n = subgroup % SUBGROUPS_N * COLUMNS * MATRIX_N;

  var sum: array<Sum, ROWS * COLUMNS>;
  let range = tileSegments(p, z);
  for (var s = range.x; s < range.y; s++) {
    let startsA = fetchedRowStarts(p, z, rows, s);
    let startsB = fetchedColumnStarts(p, z, columns, s);
    for (var first = 0u; first < p.segment; first += TILE_K) {
      workgroupBarrier();
      for (var i = 0u; i < LOADS_A; i++) {
        let place = placeInA(index, i);
        let value = fetchA(p, rows[i], startsA[i], first + place.y);
        let line = select(place, place.yx, A_ALONG_M);
        tileA[line.x * strideA + line.y / 4u] = Tile(value);
      }
      for (var i = 0u; i < LOADS_B; i++) {
        let place = placeInB(index, i);
        let value = fetchB(p, columns[i], startsB[i], first + place.y);
        let line = select(place.yx, place, B_ALONG_K);
        tileB[line.x * strideB + line.y / 4u] = Tile(value);
      }
      workgroupBarrier();
      for (var k = 0u; k < TILE_K; k += MATRIX_K) {
        var right: array<Right, COLUMNS>;
        for (var j = 0u; j < COLUMNS; j++) {
          right[j] = loadRight(n + j * MATRIX_N, k);
        }
        for (var i = 0u; i < ROWS; i++) {
          let left = loadLeft(m + i * MATRIX_M, k);
          for (var j = 0u; j < COLUMNS; j++) {
            let at = i * COLUMNS + j;
            sum[at] = subgroupMatrixMultiplyAccumulate(left, right[j], sum[at]);
          }
        }
      }
    }
  }

  let own = subgroup * sums;
  for (var i = 0u; i < ROWS * COLUMNS; i++) {
    workgroupBarrier();
    subgroupMatrixStore<row_major>(&staged, own, sum[i], MATRIX_N);
    workgroupBarrier();
    for (var item = lane; item < sums / 4u && z < p.count; item += LANES) {
      let row = item / (MATRIX_N / 4u);
      let column = item % (MATRIX_N / 4u) * 4u;
      let first = own + 4u * item;
      let value = vec4f(staged[first], staged[first + 1u], staged[first + 2u], staged[first + 3u]);
      let block = vec2u(i / COLUMNS * MATRIX_M, i % COLUMNS * MATRIX_N);
      store(p, z, tile.x + m + block.x + row, tile.y + n + block.y + column, value);
    }
  }
}

// Offsets and strides count elements of the array, which are vectors.
fn loadLeft(m: u32, k: u32) -> Left {
  if (A_ALONG_M) {
    return subgroupMatrixLoad<Left, col_major>(&tileA, k * strideA + m / 4u, strideA);
  }
  return subgroupMatrixLoad<Left, row_major>(&tileA, m * strideA + k / 4u, strideA);
}

fn loadRight(n: u32, k: u32) -> Right {
  if (B_ALONG_K) {
    return subgroupMatrixLoad<Right, col_major>(&tileB, n * strideB + k / 4u, strideB);
  }
  return subgroupMatrixLoad<Right, row_major>(&tileB, k * strideB + n / 4u, strideB);
}
