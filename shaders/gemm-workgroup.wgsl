// out[z] = A[z] * B[z], a tile for each workgroup, through workgroup memory.
// (The loader's functions are listed in gemm-registers.wgsl.)
//
// LANES_M x LANES_N invocations with BLOCKS_M x BLOCKS_N blocks of 4x4 each; TILE_K steps at a
// time. Both tiles lie in memory k by k, as vectors along m and n. Constants Tile and TileElement: the
// operands' stored type, so halves take half the memory.
const invocations = LANES_M * LANES_N;
const tileRows = 4 * BLOCKS_M * LANES_M;
const tileColumns = 4 * BLOCKS_N * LANES_N;
/// Vectors from one k to the next; one more than needed keeps transposing writes off one bank.
const strideA = tileRows / 4 + 1;
const strideB = tileColumns / 4 + 1;

var<workgroup> tileA: array<Tile, strideA * TILE_K>;
var<workgroup> tileB: array<Tile, strideB * TILE_K>;

@compute @workgroup_size(LANES_N, LANES_M)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_id) lane: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let p = params;
  let tile = tileOf(p, groupIndex(id, counts), tileRows, tileColumns);
  let z = tile.z;
  let rows = fetchedRows(p, z, tile.x, index);
  let columns = fetchedColumns(p, z, tile.y, index);

  var sum: array<vec4f, 4 * BLOCKS_M * BLOCKS_N>;
  let range = tileSegments(p, z);
  for (var s = range.x; s < range.y; s++) {
    let startsA = fetchedRowStarts(p, z, rows, s);
    let startsB = fetchedColumnStarts(p, z, columns, s);
    for (var first = 0u; first < p.segment; first += TILE_K) {
      workgroupBarrier();
      for (var i = 0u; i < LOADS_A; i++) {
        let place = placeInA(index, i);
        let value = fetchA(p, rows[i], startsA[i], first + place.y);
        if (A_ALONG_M) {
          tileA[place.y * strideA + place.x / 4u] = Tile(value);
        } else {
          for (var k = 0u; k < 4u; k++) {
            tileA[(place.y + k) * strideA + place.x / 4u][place.x % 4u] = TileElement(value[k]);
          }
        }
      }
      for (var i = 0u; i < LOADS_B; i++) {
        let place = placeInB(index, i);
        let value = fetchB(p, columns[i], startsB[i], first + place.y);
        if (B_ALONG_K) {
          for (var k = 0u; k < 4u; k++) {
            tileB[(place.y + k) * strideB + place.x / 4u][place.x % 4u] = TileElement(value[k]);
          }
        } else {
          tileB[place.y * strideB + place.x / 4u] = Tile(value);
        }
      }
      workgroupBarrier();
      for (var k = 0u; k < TILE_K; k++) {
        // Blocks lie LANES apart, so that neighbours read and write neighbouring vectors.
        var b: array<vec4f, BLOCKS_N>;
        for (var j = 0u; j < BLOCKS_N; j++) {
          b[j] = vec4f(tileB[k * strideB + j * LANES_N + lane.x]);
        }
        for (var block = 0u; block < BLOCKS_M; block++) {
          let a = vec4f(tileA[k * strideA + block * LANES_M + lane.y]);
          for (var i = 0u; i < 4u; i++) {
            for (var j = 0u; j < BLOCKS_N; j++) {
              let at = (4u * block + i) * BLOCKS_N + j;
              sum[at] = fma(vec4f(a[i]), b[j], sum[at]);
            }
          }
        }
      }
    }
  }

  if (z < p.count) {
    for (var i = 0u; i < 4 * BLOCKS_M; i++) {
      let m = tile.x + 4u * (i / 4u * LANES_M + lane.y) + i % 4u;
      for (var j = 0u; j < BLOCKS_N; j++) {
        store(p, z, m, tile.y + 4u * (j * LANES_N + lane.x), sum[i * BLOCKS_N + j]);
      }
    }
  }
}
