// out[z] = A[z] * B[z], every invocation with 4 rows and 8 columns in registers, written out.
// (The loader's functions are listed in gemm-registers.wgsl.)
//
// For SwiftShader, which compiles a shader as it stands: no loop is unrolled, and an array indexed by
// a variable is read lane by lane, element by element. So no array here is indexed but by constants.
const blocksA = 1;
const blocksB = 2;

/// Starts of a segment for four rows of A, or of four columns of B.
fn startsA(p: Params, z: u32, rows: array<RowA, 4>, s: u32) -> vec4u {
  let first = segmentA(p, z, rows[0], s);
  if (A_ALONG_M) {
    return vec4u(first);
  }
  return vec4u(
    first,
    segmentA(p, z, rows[1], s),
    segmentA(p, z, rows[2], s),
    segmentA(p, z, rows[3], s),
  );
}

fn startsB(p: Params, z: u32, columns: array<ColB, 4>, s: u32) -> vec4u {
  let first = segmentB(p, z, columns[0], s);
  if (!B_ALONG_K) {
    return vec4u(first);
  }
  return vec4u(
    first,
    segmentB(p, z, columns[1], s),
    segmentB(p, z, columns[2], s),
    segmentB(p, z, columns[3], s),
  );
}

/// Column i of the result is row i of the block: A[m + i, k .. k+3].
fn fourRows(p: Params, rows: array<RowA, 4>, starts: vec4u, k: u32) -> mat4x4f {
  if (A_ALONG_M) {
    return transpose(mat4x4f(
      loadA(p, rows[0], starts.x, k),
      loadA(p, rows[0], starts.x, k + 1u),
      loadA(p, rows[0], starts.x, k + 2u),
      loadA(p, rows[0], starts.x, k + 3u),
    ));
  }
  return mat4x4f(
    loadA(p, rows[0], starts.x, k),
    loadA(p, rows[1], starts.y, k),
    loadA(p, rows[2], starts.z, k),
    loadA(p, rows[3], starts.w, k),
  );
}

/// Column i of the result is row i of the block: B[k + i, n .. n+3].
fn fourSteps(p: Params, columns: array<ColB, 4>, starts: vec4u, k: u32) -> mat4x4f {
  if (B_ALONG_K) {
    return transpose(mat4x4f(
      loadB(p, columns[0], starts.x, k),
      loadB(p, columns[1], starts.y, k),
      loadB(p, columns[2], starts.z, k),
      loadB(p, columns[3], starts.w, k),
    ));
  }
  return mat4x4f(
    loadB(p, columns[0], starts.x, k),
    loadB(p, columns[0], starts.x, k + 1u),
    loadB(p, columns[0], starts.x, k + 2u),
    loadB(p, columns[0], starts.x, k + 3u),
  );
}

fn rowsFrom(p: Params, z: u32, m: u32) -> array<RowA, 4> {
  let first = rowA(p, z, m);
  if (A_ALONG_M) {
    return array<RowA, 4>(first, first, first, first);
  }
  return array<RowA, 4>(first, rowA(p, z, m + 1u), rowA(p, z, m + 2u), rowA(p, z, m + 3u));
}

fn columnsFrom(p: Params, z: u32, n: u32) -> array<ColB, 4> {
  let first = colB(p, z, n);
  if (!B_ALONG_K) {
    return array<ColB, 4>(first, first, first, first);
  }
  return array<ColB, 4>(first, colB(p, z, n + 1u), colB(p, z, n + 2u), colB(p, z, n + 3u));
}

@compute @workgroup_size(LANES_N, LANES_M)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_id) lane: vec3u,
) {
  let p = params;
  let tile = tileOf(p, groupIndex(id, counts), 4 * LANES_M, 8 * LANES_N);
  let z = tile.z;
  let m = tile.x + 4u * lane.y;
  let n = tile.y + 8u * lane.x;
  let rows = rowsFrom(p, z, m);
  let left = columnsFrom(p, z, n);
  let right = columnsFrom(p, z, n + 4u);

  // Column i is row m + i of the output.
  var sumLeft: mat4x4f;
  var sumRight: mat4x4f;
  let range = tileSegments(p, z);
  for (var s = range.x; s < range.y; s++) {
    let a = startsA(p, z, rows, s);
    let bLeft = startsB(p, z, left, s);
    let bRight = startsB(p, z, right, s);
    for (var k = 0u; k < p.segment; k += 4u) {
      let block = fourRows(p, rows, a, k);
      sumLeft += fourSteps(p, left, bLeft, k) * block;
      sumRight += fourSteps(p, right, bRight, k) * block;
    }
  }

  if (z < p.count) {
    store(p, z, m, n, sumLeft[0]);
    store(p, z, m, n + 4u, sumRight[0]);
    store(p, z, m + 1u, n, sumLeft[1]);
    store(p, z, m + 1u, n + 4u, sumRight[1]);
    store(p, z, m + 2u, n, sumLeft[2]);
    store(p, z, m + 2u, n + 4u, sumRight[2]);
    store(p, z, m + 3u, n, sumLeft[3]);
    store(p, z, m + 3u, n + 4u, sumRight[3]);
  }
}
