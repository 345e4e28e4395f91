/// parts[block, i, j, c] := the weight gradient of a block of rows of dy, one element (of V) an
/// invocation; the blocks are summed afterwards. Constants: V, Stored (of x and dy).
struct Params {
  length: u32,
  c: u32,
  h: i32,
  w: i32,
  kh: u32,
  kw: u32,
  strideH: i32,
  strideW: i32,
  dilationH: i32,
  dilationW: i32,
  padTop: i32,
  padLeft: i32,
  outH: u32,
  outW: u32,
  lines: u32, // n outH
  perBlock: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read> dy: array<Stored>;
@group(0) @binding(3) var<storage, read_write> parts: array<V>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = groupIndex(id, counts) * 64 + lane;
  if (at >= params.length) {
    return;
  }
  let c = at % params.c;
  let tap = at / params.c;
  let left = i32(tap % params.kw) * params.dilationW - params.padLeft;
  let top = i32(tap / params.kw % params.kh) * params.dilationH - params.padTop;
  let begin = tap / (params.kw * params.kh) * params.perBlock;
  var total = V(0);
  for (var line = begin; line < min(begin + params.perBlock, params.lines); line++) {
    let row = top + i32(line % params.outH) * params.strideH;
    if (row < 0 || row >= params.h) {
      continue;
    }
    let image = i32(line / params.outH) * params.h;
    var sum = V(0);
    for (var ow = 0u; ow < params.outW; ow++) {
      let column = left + i32(ow) * params.strideW;
      if (column >= 0 && column < params.w) {
        let read = u32((image + row) * params.w + column) * params.c + c;
        sum += V(x[read]) * V(dy[(line * params.outW + ow) * params.c + c]);
      }
    }
    total += sum;
  }
  parts[at] = total;
}
