import { philox } from "./philox";
import { threadScratch } from "./runtime";
import { shareStart } from "./simd";

/** [4, 256] normalised values in the thread's scratch memory, then four random words. */
const WORDS: usize = 4096;

/** floor(r * m / 2^32). */
// @ts-ignore: decorator
@inline
function scaled(r: u32, m: u32): i32 {
  return <i32>((<u64>r * <u64>m) >> 32);
}

/** Params: images, out, state, n, h, w, channels, pad, flip, mean[4], std[4]. */
export function augment(thread: i32, threads: i32, p: usize): void {
  const images = load<usize>(p);
  const out = load<usize>(p, 4);
  const state = load<usize>(p, 8);
  const n = load<u32>(p, 12);
  const h = load<i32>(p, 16);
  const w = load<i32>(p, 20);
  const channels = load<u32>(p, 24);
  const pad = load<i32>(p, 28);
  const flips = load<u32>(p, 32) != 0;
  const start = shareStart(n, thread, threads);
  const end = shareStart(n, thread + 1, threads);
  if (start == end) return;
  const table = threadScratch;
  for (let c: u32 = 0; c < channels; c++) {
    const mean = <f64>load<f32>(p + 4 * c, 36);
    const std = <f64>load<f32>(p + 4 * c, 52);
    for (let byte: u32 = 0; byte < 256; byte++) {
      store<f32>(table + 4 * (256 * c + byte), <f32>((<f64>byte / 255.0 - mean) / std));
    }
  }
  const words = table + WORDS;
  for (let image = start; image < end; image++) {
    philox(
      words,
      load<u32>(state),
      load<u32>(state, 4),
      image,
      load<u32>(state, 8),
      load<u32>(state, 12),
      1,
    );
    const dy = scaled(load<u32>(words), 2 * pad + 1) - pad;
    const dx = scaled(load<u32>(words, 4), 2 * pad + 1) - pad;
    const flip = flips && load<u32>(words, 8) >> 31 != 0;
    const pixels = images + <usize>(image * h * w * channels);
    let to = out + 16 * <usize>(image * h * w);
    for (let y = 0; y < h; y++) {
      const sy = y + dy;
      const inRow = sy >= 0 && sy < h;
      for (let x = 0; x < w; x++, to += 16) {
        const sx = (flip ? w - 1 - x : x) + dx;
        const inside = inRow && sx >= 0 && sx < w;
        const from = pixels + <usize>((sy * w + sx) * <i32>channels);
        v128.store(to, f32x4.splat(0));
        for (let c: u32 = 0; c < channels; c++) {
          const byte: u32 = inside ? load<u8>(from + c) : 0;
          store<f32>(to + 4 * c, load<f32>(table + 4 * (256 * c + byte)));
        }
      }
    }
  }
}
