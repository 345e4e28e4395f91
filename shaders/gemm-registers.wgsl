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
const blocksA = BLOCKS_M;
const blocksB = BLOCKS_N;

@compute @workgroup_size(LANES_N, LANES_M)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_id) lane: vec3u,
) {
  let p = params;
  let tile = tileOf(p, groupIndex(id, counts), 4 * BLOCKS_M * LANES_M, 4 * BLOCKS_N * LANES_N);
  let z = tile.z;
  let m = tile.x + lane.y * 4 * BLOCKS_M;
  let n = tile.y + lane.x * 4 * BLOCKS_N;
  let rows = trackRows(p, z, m);
  let columns = trackColumns(p, z, n);

  var sum: array<vec4f, 4 * BLOCKS_M * BLOCKS_N>;
  let range = tileSegments(p, z);
  for (var s = range.x; s < range.y; s++) {
    let startsA = startRows(p, z, rows, s);
    let startsB = startColumns(p, z, columns, s);
    for (var k = 0u; k < p.segment; k += 4u) {
      var b: array<mat4x4f, BLOCKS_N>;
      for (var j = 0u; j < BLOCKS_N; j++) {
        b[j] = blockB(p, columns, startsB, j, k);
      }
      for (var block = 0u; block < BLOCKS_M; block++) {
        let a = blockA(p, rows, startsA, block, k);
        for (var i = 0u; i < 4u; i++) {
          for (var j = 0u; j < BLOCKS_N; j++) {
            let at = (4u * block + i) * BLOCKS_N + j;
            sum[at] = multiplyAdd(sum[at], a[i], b[j]);
          }
        }
      }
    }
  }

  if (z < p.count) {
    for (var i = 0u; i < 4 * BLOCKS_M; i++) {
      for (var j = 0u; j < BLOCKS_N; j++) {
        store(p, z, m + i, n + 4u * j, sum[i * BLOCKS_N + j]);
      }
    }
  }
}
