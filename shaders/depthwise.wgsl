/// Convolution of each channel with a filter of its own, one output element (of V) an invocation.
/// Constants: V, Stored (of x, w and out).
struct Params {
  length: u32,
  c: u32,
  h: i32,
  w: i32,
  kh: i32,
  kw: i32,
  strideH: i32,
  strideW: i32,
  dilationH: i32,
  dilationW: i32,
  padTop: i32,
  padLeft: i32,
  outH: u32,
  outW: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read> weight: array<Stored>;
@group(0) @binding(3) var<storage, read_write> out: array<Stored>;

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
  let pixel = at / params.c;
  let top = i32(pixel / params.outW % params.outH) * params.strideH - params.padTop;
  let left = i32(pixel % params.outW) * params.strideW - params.padLeft;
  let image = i32(pixel / (params.outW * params.outH)) * params.h;
  var total = V(0);
  for (var i = 0; i < params.kh; i++) {
    let row = top + i * params.dilationH;
    if (row < 0 || row >= params.h) {
      continue;
    }
    for (var j = 0; j < params.kw; j++) {
      let column = left + j * params.dilationW;
      if (column >= 0 && column < params.w) {
        let read = u32((image + row) * params.w + column) * params.c + c;
        total += V(x[read]) * V(weight[u32(i * params.kw + j) * params.c + c]);
      }
    }
  }
  out[at] = Stored(total);
}
