// out[z] = A[z] * B[z], every invocation with a tile of its own in registers: no workgroup memory.
//
// The inner dimension is cut into segments (a filter's taps, an image's rows) of p.segment steps.
// The loader in front of this file gives, for its operation:
//   RowA, rowA(z, m)            what is known of row m, for all segments
//   segmentA(z, row, s)         where segment s of the row starts; `none` if it is all zeros
//   loadA(row, start, k)        A[m, k .. k+3], or A[m .. m+3, k] if A_ALONG_M
//   ColB, colB, segmentB, loadB B[k, n .. n+3], or B[k .. k+3, n] if B_ALONG_K
//   segments(z)                 the range of segments to add
//   store(z, m, n, value)       takes out[m, n .. n+3]; checks bounds
// Constants: BLOCKS_M x BLOCKS_N blocks of 4x4 per invocation, LANES_M x LANES_N invocations.

const rowsA = select(4 * BLOCKS_M, BLOCKS_M, A_ALONG_M);
const colsB = select(BLOCKS_N, 4 * BLOCKS_N, B_ALONG_K);

@compute @workgroup_size(LANES_N, LANES_M)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_id) lane: vec3u,
) {
  let tile = tileOf(groupIndex(id, counts), 4 * BLOCKS_M * LANES_M, 4 * BLOCKS_N * LANES_N);
  let z = tile.z;
  if (z >= p.count) {
    return;
  }
  let m0 = tile.x + lane.y * 4 * BLOCKS_M;
  let n0 = tile.y + lane.x * 4 * BLOCKS_N;

  var rows: array<RowA, rowsA>;
  for (var i = 0u; i < rowsA; i++) {
    rows[i] = rowA(z, m0 + i * select(1u, 4u, A_ALONG_M));
  }
  var cols: array<ColB, colsB>;
  for (var i = 0u; i < colsB; i++) {
    cols[i] = colB(z, n0 + i * select(4u, 1u, B_ALONG_K));
  }

  var sum: array<vec4f, 4 * BLOCKS_M * BLOCKS_N>;
  let range = segments(z);
  for (var s = range.x; s < range.y; s++) {
    var startsA: array<u32, rowsA>;
    for (var i = 0u; i < rowsA; i++) {
      startsA[i] = segmentA(z, rows[i], s);
    }
    var startsB: array<u32, colsB>;
    for (var i = 0u; i < colsB; i++) {
      startsB[i] = segmentB(z, cols[i], s);
    }
    for (var k = 0u; k < p.segment; k += 4u) {
      // tileB[k * BLOCKS_N + j] is B[k, 4 columns of block j].
      var tileB: array<vec4f, 4 * BLOCKS_N>;
      for (var j = 0u; j < BLOCKS_N; j++) {
        var block: mat4x4f;
        for (var i = 0u; i < 4u; i++) {
          if (B_ALONG_K) {
            block[i] = loadB(cols[4u * j + i], startsB[4u * j + i], k);
          } else {
            block[i] = loadB(cols[j], startsB[j], k + i);
          }
        }
        if (B_ALONG_K) {
          block = transpose(block);
        }
        for (var i = 0u; i < 4u; i++) {
          tileB[i * BLOCKS_N + j] = block[i];
        }
      }
      for (var block = 0u; block < BLOCKS_M; block++) {
        // Row i of the block is A[m, k .. k+3].
        var blockA: mat4x4f;
        for (var i = 0u; i < 4u; i++) {
          if (A_ALONG_M) {
            blockA[i] = loadA(rows[block], startsA[block], k + i);
          } else {
            blockA[i] = loadA(rows[4u * block + i], startsA[4u * block + i], k);
          }
        }
        if (A_ALONG_M) {
          blockA = transpose(blockA);
        }
        for (var i = 0u; i < 4u; i++) {
          for (var j = 0u; j < BLOCKS_N; j++) {
            var x = sum[(4u * block + i) * BLOCKS_N + j];
            x = fma(vec4f(blockA[i].x), tileB[j], x);
            x = fma(vec4f(blockA[i].y), tileB[BLOCKS_N + j], x);
            x = fma(vec4f(blockA[i].z), tileB[2 * BLOCKS_N + j], x);
            x = fma(vec4f(blockA[i].w), tileB[3 * BLOCKS_N + j], x);
            sum[(4u * block + i) * BLOCKS_N + j] = x;
          }
        }
      }
    }
  }

  for (var i = 0u; i < 4 * BLOCKS_M; i++) {
    for (var j = 0u; j < BLOCKS_N; j++) {
      store(z, m0 + i, n0 + 4u * j, sum[i * BLOCKS_N + j]);
    }
  }
}
