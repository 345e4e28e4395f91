// Convolutions by their definition: correct for every shape.

// @ts-ignore: decorator
@inline
function field(p: usize, index: i32): i32 {
  return load<i32>(p + (<usize>index << 2));
}

export function conv2d(thread: i32, threads: i32, p: usize): void {
  const x = <usize>field(p, 0), w = <usize>field(p, 1), out = <usize>field(p, 2);
  const n = field(p, 3), h = field(p, 4), wd = field(p, 5), ci = field(p, 6), co = field(p, 7);
  const kh = field(p, 8), kw = field(p, 9), sh = field(p, 10), sw = field(p, 11);
  const ph = field(p, 12), pw = field(p, 13), oh = field(p, 14), ow = field(p, 15);
  const pixels = n * oh * ow;
  for (let r = thread; r < pixels; r += threads) {
    const image = r / (oh * ow), y0 = ((r / ow) % oh) * sh - ph, x0 = (r % ow) * sw - pw;
    const row = out + (<usize>(r * co) << 2);
    memory.fill(row, 0, <usize>co << 2);
    for (let i = 0; i < kh; i++) {
      if (<u32>(y0 + i) >= <u32>h) continue;
      for (let j = 0; j < kw; j++) {
        if (<u32>(x0 + j) >= <u32>wd) continue;
        const from = x + (<usize>(((image * h + y0 + i) * wd + x0 + j) * ci) << 2);
        const weights = w + (<usize>((i * kw + j) * ci * co) << 2);
        for (let c = 0; c < ci; c++) {
          const v = load<f32>(from + (<usize>c << 2));
          for (let o = 0; o < co; o++) {
            const at = row + (<usize>o << 2);
            store<f32>(at, load<f32>(at) + v * load<f32>(weights + (<usize>(c * co + o) << 2)));
          }
        }
      }
    }
  }
}

export function conv2dInputGrad(thread: i32, threads: i32, p: usize): void {
  const dy = <usize>field(p, 0), w = <usize>field(p, 1), dx = <usize>field(p, 2);
  const n = field(p, 3), h = field(p, 4), wd = field(p, 5), ci = field(p, 6), co = field(p, 7);
  const kh = field(p, 8), kw = field(p, 9), sh = field(p, 10), sw = field(p, 11);
  const ph = field(p, 12), pw = field(p, 13), oh = field(p, 14), ow = field(p, 15);
  const pixels = n * h * wd;
  for (let r = thread; r < pixels; r += threads) {
    const image = r / (h * wd), y = (r / wd) % h, xx = r % wd;
    const row = dx + (<usize>(r * ci) << 2);
    memory.fill(row, 0, <usize>ci << 2);
    for (let i = 0; i < kh; i++) {
      const ty = y + ph - i;
      if (ty < 0 || ty % sh || ty / sh >= oh) continue;
      for (let j = 0; j < kw; j++) {
        const tx = xx + pw - j;
        if (tx < 0 || tx % sw || tx / sw >= ow) continue;
        const from = dy + (<usize>(((image * oh + ty / sh) * ow + tx / sw) * co) << 2);
        const weights = w + (<usize>((i * kw + j) * ci * co) << 2);
        for (let c = 0; c < ci; c++) {
          let sum: f32 = 0;
          for (let o = 0; o < co; o++) {
            sum += load<f32>(from + (<usize>o << 2)) *
              load<f32>(weights + (<usize>(c * co + o) << 2));
          }
          const at = row + (<usize>c << 2);
          store<f32>(at, load<f32>(at) + sum);
        }
      }
    }
  }
}

export function conv2dWeightGrad(thread: i32, threads: i32, p: usize): void {
  const x = <usize>field(p, 0), dy = <usize>field(p, 1), dw = <usize>field(p, 2);
  const n = field(p, 3), h = field(p, 4), wd = field(p, 5), ci = field(p, 6), co = field(p, 7);
  const kh = field(p, 8), kw = field(p, 9), sh = field(p, 10), sw = field(p, 11);
  const ph = field(p, 12), pw = field(p, 13), oh = field(p, 14), ow = field(p, 15);
  const rows = kh * kw * ci;
  for (let r = thread; r < rows; r += threads) {
    const i = r / (kw * ci), j = (r / ci) % kw, c = r % ci;
    const row = dw + (<usize>(r * co) << 2);
    memory.fill(row, 0, <usize>co << 2);
    for (let q = 0; q < n * oh * ow; q++) {
      const y = ((q / ow) % oh) * sh - ph + i, xx = (q % ow) * sw - pw + j;
      if (<u32>y >= <u32>h || <u32>xx >= <u32>wd) continue;
      const v = load<f32>(x + (<usize>(((q / (oh * ow) * h + y) * wd + xx) * ci + c) << 2));
      const from = dy + (<usize>(q * co) << 2);
      for (let o = 0; o < co; o++) {
        const at = row + (<usize>o << 2);
        store<f32>(at, load<f32>(at) + v * load<f32>(from + (<usize>o << 2)));
      }
    }
  }
}
