// out[z] = A[z] * B[z], a tile for each subgroup, which is a whole workgroup of LANES invocations.
// (The loader's functions are listed in gemm-registers.wgsl.)
//
// On one side of the tile every lane owns OWN blocks of 4; the SHARED blocks of the other side are
// loaded by all lanes together, one 4x4 block each, LANES / SHARED of them deep along k, and read
// by shuffles: a tile loads each of its values once, without workgroup memory. Made for processors
// that pose as GPUs: there a load costs as much as several multiplications, code that outgrows the
// instruction cache costs more than anything, and uniform loads are cheap only outside of any
// control flow. So the loops over k and over the stored rows stay loops, parameters are read first,
// and the workgroups beyond the last tile have nothing to add instead of returning.
const blocksA = select(1, OWN, OWN_ROWS);
const blocksB = select(OWN, 1, OWN_ROWS);
const depth = LANES / SHARED;
const tileRows = select(4 * SHARED, 4 * OWN * LANES, OWN_ROWS);
const tileColumns = select(4 * OWN * LANES, 4 * SHARED, OWN_ROWS);
/// Whether a lane's own four values of one k are contiguous, so that they can be loaded k by k.
const ownAlong = select(!B_ALONG_K, A_ALONG_M, OWN_ROWS);
/// The tile of a lane, in rows of vectors.
const height = select(4 * SHARED, 4 * OWN, OWN_ROWS);
const width = select(OWN, SHARED, OWN_ROWS);

fn pick(block: mat4x4f, k: u32) -> vec4f {
  return select(select(block[3], block[2], k == 2u), select(block[1], block[0], k == 0u), k < 2u);
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let p = params;
  let tile = tileOf(p, groupIndex(id, counts), tileRows, tileColumns);
  let z = tile.z;
  let own = lane * 4 * OWN;
  let loaded = lane % SHARED * 4;
  let loadedK = lane / SHARED * 4;
  let rows = trackRows(p, z, tile.x + select(loaded, own, OWN_ROWS));
  let columns = trackColumns(p, z, tile.y + select(own, loaded, OWN_ROWS));

  var sum: array<vec4f, height * width>;
  let range = tileSegments(p, z);
  for (var s = range.x; s < range.y; s++) {
    let startsA = startRows(p, z, rows, s);
    let startsB = startColumns(p, z, columns, s);
    for (var first = 0u; first < p.segment; first += 4u * depth) {
      // Column i of a block holds its four values of step k + i.
      var together: mat4x4f;
      if (OWN_ROWS) {
        together = blockB(p, columns, startsB, 0u, first + loadedK);
      } else {
        together = transpose(blockA(p, rows, startsA, 0u, first + loadedK));
      }
      let end = min(first + 4u * depth, p.segment);
      for (var k = first; k < end; k += 4u) {
        let source = (k - first) / 4u * SHARED;
        var mine: array<mat4x4f, OWN>;
        if (!ownAlong) {
          for (var j = 0u; j < OWN; j++) {
            if (OWN_ROWS) {
              mine[j] = transpose(blockA(p, rows, startsA, j, k));
            } else {
              mine[j] = blockB(p, columns, startsB, j, k);
            }
          }
        }
        let last = min(k + 4u, end);
        for (var step = k; step < last; step++) {
          var values: array<vec4f, OWN>;
          for (var j = 0u; j < OWN; j++) {
            if (!ownAlong) {
              values[j] = pick(mine[j], step - k);
            } else if (OWN_ROWS) {
              values[j] = loadA(p, rows[j], startsA[j], step);
            } else {
              values[j] = loadB(p, columns[j], startsB[j], step);
            }
          }
          let theirs = pick(together, step - k);
          for (var block = 0u; block < SHARED; block++) {
            let four = subgroupShuffle(theirs, source + block);
            for (var j = 0u; j < OWN; j++) {
              for (var lane4 = 0u; lane4 < 4u; lane4++) {
                if (OWN_ROWS) {
                  let at = (4u * j + lane4) * width + block;
                  sum[at] = fma(vec4f(values[j][lane4]), four, sum[at]);
                } else {
                  let at = (4u * block + lane4) * width + j;
                  sum[at] = fma(vec4f(four[lane4]), values[j], sum[at]);
                }
              }
            }
          }
        }
      }
    }
  }

  let m = tile.x + select(0u, own, OWN_ROWS);
  let n = tile.y + select(own, 0u, OWN_ROWS);
  let end = select(0u, min(m + height, p.m), z < p.count);
  for (var row = m; row < end; row++) {
    for (var j = 0u; j < width; j++) {
      var value = sum[j];
      for (var i = 1u; i < height; i++) {
        value = select(value, sum[i * width + j], m + i == row);
      }
      store(p, z, row, n + 4u * j, value);
    }
  }
}
