import { exp } from "./math";
import { shareStart, storeTail } from "./simd";

// @ts-ignore: decorator
@inline
function store4(to: usize, v: v128, lanes: u32): void {
  if (lanes >= 4) v128.store(to, v);
  else storeTail(to, v, lanes);
}

/**
 * log softmax_c = (l_c - max) - ln(sum of e ** (l - max)), the sum in float64.
 * Params: logits, labels, loss, probabilities, rows, classes, on, off.
 */
export function softmax_cross_entropy(thread: i32, threads: i32, p: usize): void {
  const rows = load<u32>(p, 16);
  const classes = load<u32>(p, 20);
  const on = <f64>load<f32>(p, 24);
  const off = <f64>load<f32>(p, 28);
  const end = shareStart(rows, thread + 1, threads);
  for (let r = shareStart(rows, thread, threads); r < end; r++) {
    const logits = load<usize>(p) + 4 * <usize>(r * classes);
    const out = load<usize>(p, 12) + 4 * <usize>(r * classes);
    let largest: f32 = -Infinity;
    for (let c: u32 = 0; c < classes; c++) largest = max(largest, load<f32>(logits + 4 * c));
    const shift = f32x4.splat(largest);
    for (let c: u32 = 0; c < classes; c += 4) {
      store4(out + 4 * c, exp(f32x4.sub(v128.load(logits + 4 * c), shift)), classes - c);
    }
    let sum: f64 = 0;
    let shifted: f64 = 0;
    for (let c: u32 = 0; c < classes; c++) {
      sum += <f64>load<f32>(out + 4 * c);
      shifted += <f64>(load<f32>(logits + 4 * c) - largest);
    }
    const scale = f32x4.splat(<f32>(1.0 / sum));
    for (let c: u32 = 0; c < classes; c += 4) {
      store4(out + 4 * c, f32x4.mul(v128.load(out + 4 * c), scale), classes - c);
    }
    const logSum = NativeMath.log(sum);
    const label = load<u32>(load<usize>(p, 4) + 4 * r);
    let loss: f64 = NaN;
    if (label < classes) {
      const own = <f64>load<f32>(logits + 4 * label) - <f64>largest - logSum;
      loss = (off - on) * own;
      if (off != 0) loss -= off * (shifted - <f64>classes * logSum);
    }
    store<f32>(load<usize>(p, 8) + 4 * r, <f32>loss);
  }
}

/** Params: probabilities, labels, dloss, dlogits, rows, classes, on, off. */
export function softmax_cross_entropy_backward(thread: i32, threads: i32, p: usize): void {
  const rows = load<u32>(p, 16);
  const classes = load<u32>(p, 20);
  const on = load<f32>(p, 24);
  const off = load<f32>(p, 28);
  const total = on + off * <f32>(classes - 1);
  const end = shareStart(rows, thread + 1, threads);
  for (let r = shareStart(rows, thread, threads); r < end; r++) {
    const probabilities = load<usize>(p) + 4 * <usize>(r * classes);
    const out = load<usize>(p, 12) + 4 * <usize>(r * classes);
    const g = load<f32>(load<usize>(p, 8) + 4 * r);
    for (let c: u32 = 0; c < classes; c += 4) {
      const scaled = f32x4.mul(v128.load(probabilities + 4 * c), f32x4.splat(total));
      const d = f32x4.mul(f32x4.sub(scaled, f32x4.splat(off)), f32x4.splat(g));
      store4(out + 4 * c, d, classes - c);
    }
    const label = load<u32>(load<usize>(p, 4) + 4 * r);
    if (label < classes) {
      const at: usize = 4 * <usize>label;
      store<f32>(out + at, g * (load<f32>(probabilities + at) * total - on));
    }
  }
}
