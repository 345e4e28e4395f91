/// One output element (of V) an invocation. Constants: V, U, B, Stored, MAX (else average).
struct Params {
  length: u32,
  h: u32,
  w: u32,
  c: u32,
  kh: u32,
  kw: u32,
  strideH: u32,
  strideW: u32,
  padH: u32,
  padW: u32,
  outH: u32,
  outW: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read_write> out: array<Stored>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) counts: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = groupIndex(id, counts) * 64 + lane;
  if (i >= params.length) {
    return;
  }
  let c = i % params.c;
  let pixel = i / params.c;
  let top = pixel / params.outW % params.outH * params.strideH;
  let left = pixel % params.outW * params.strideW;
  let image = pixel / (params.outW * params.outH) * params.h;
  // The window's rows and columns inside the image.
  let top0 = max(top, params.padH) - params.padH;
  let left0 = max(left, params.padW) - params.padW;
  let bottom = min(max(top + params.kh, params.padH) - params.padH, params.h);
  let right = min(max(left + params.kw, params.padW) - params.padW, params.w);
  var total = V(0);
  var isFirst = true;
  for (var row = top0; row < bottom; row++) {
    for (var column = left0; column < right; column++) {
      let value = V(x[((image + row) * params.w + column) * params.c + c]);
      if (!MAX) {
        total += value;
      } else if (isFirst) {
        total = value;
      } else {
        total = maxOf(total, value);
      }
      isFirst = false;
    }
  }
  if (!MAX) {
    total /= f32(params.kh * params.kw);
  }
  out[i] = Stored(total);
}
