/// One input element (of V) an invocation, which gathers from the windows that contain it; of a
/// window of maxima the first, in row-major order, takes the gradient, of several NaN the last (as
/// in PyTorch). Constants: V, U, B, Stored, MAX.
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
@group(0) @binding(2) var<storage, read> dy: array<Stored>;
@group(0) @binding(3) var<storage, read_write> dx: array<Stored>;

/// The windows [first, end) along one axis that contain `at` (counted with its padding).
fn windows(at: u32, size: u32, stride: u32, count: u32) -> vec2u {
  let first = (max(at + 1, size) - size + stride - 1) / stride;
  return vec2u(first, min(at / stride + 1, count));
}

/// Where `value`, the element (y, x) of the window at (top, left), takes the window's gradient.
fn wins(value: V, y: u32, x0: u32, top: i32, left: i32, base: u32) -> B {
  let invalid = isNan(value);
  var lost = B(false);
  for (var row = max(top, 0); row < min(top + i32(params.kh), i32(params.h)); row++) {
    for (var column = max(left, 0); column < min(left + i32(params.kw), i32(params.w)); column++) {
      let rival = V(x[base + (u32(row) * params.w + u32(column)) * params.c]);
      let place = u32(row) * params.w + u32(column);
      if (place < y * params.w + x0) {
        lost = lost | !(invalid | isAbove(value, rival));
      } else if (place > y * params.w + x0) {
        lost = lost | isNan(rival) | isAbove(rival, value);
      }
    }
  }
  return !lost;
}

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
  let row = pixel / params.w % params.h;
  let column = pixel % params.w;
  let image = pixel / (params.w * params.h);
  let base = image * params.h * params.w * params.c + c;
  let rows = windows(row + params.padH, params.kh, params.strideH, params.outH);
  let columns = windows(column + params.padW, params.kw, params.strideW, params.outW);
  var total = V(0);
  for (var oh = rows.x; oh < rows.y; oh++) {
    for (var ow = columns.x; ow < columns.y; ow++) {
      let g = V(dy[((image * params.outH + oh) * params.outW + ow) * params.c + c]);
      if (MAX) {
        let top = i32(oh * params.strideH) - i32(params.padH);
        let left = i32(ow * params.strideW) - i32(params.padW);
        total += select(V(0), g, wins(V(x[i]), row, column, top, left, base));
      } else {
        total += g;
      }
    }
  }
  if (!MAX) {
    total /= f32(params.kh * params.kw);
  }
  dx[i] = Stored(total);
}
