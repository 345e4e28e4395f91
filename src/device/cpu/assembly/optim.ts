import { shareStart, storeTail } from "./simd";

// @ts-ignore: decorator
@inline
function put(to: usize, v: v128, lanes: u32): void {
  if (lanes >= 4) v128.store(to, v);
  else storeTail(to, v, lanes);
}

// @ts-ignore: decorator
@inline
function splat(value: f32): v128 {
  return f32x4.splat(value);
}

/** d = g + decay * w; v = momentum * v + d; w -= lr * d', d' = nesterov ? d + momentum * v : v. */
// @ts-ignore: decorator
@inline
function sgdStep(
  params: usize,
  grads: usize,
  velocity: usize,
  negativeRate: v128,
  momentum: v128,
  decay: v128,
  nesterov: bool,
  lanes: u32,
): void {
  const w = v128.load(params);
  const d = f32x4.add(v128.load(grads), f32x4.mul(decay, w));
  const v = f32x4.add(f32x4.mul(momentum, v128.load(velocity)), d);
  put(velocity, v, lanes);
  const step = nesterov ? f32x4.add(d, f32x4.mul(momentum, v)) : v;
  put(params, f32x4.add(w, f32x4.mul(negativeRate, step)), lanes);
}

/** Params: params, grads, velocity, hyper, n, the loss scale's state or 0. */
export function sgd(thread: i32, threads: i32, p: usize): void {
  const hyper = load<usize>(p, 12);
  const n = load<u32>(p, 16);
  const skip = load<usize>(p, 20);
  if (skip != 0 && load<f32>(skip, 8) != 0) return;
  const negativeRate = splat(-load<f32>(hyper));
  const momentum = splat(load<f32>(hyper, 4));
  const decay = splat(load<f32>(hyper, 8));
  const nesterov = load<f32>(hyper, 12) != 0;
  const lines = (n + 15) >> 4;
  let i = shareStart(lines, thread, threads) << 4;
  const end = min(shareStart(lines, thread + 1, threads) << 4, n);
  let params = load<usize>(p) + 4 * <usize>i;
  let grads = load<usize>(p, 4) + 4 * <usize>i;
  let velocity = load<usize>(p, 8) + 4 * <usize>i;
  for (; i + 4 <= end; i += 4) {
    sgdStep(params, grads, velocity, negativeRate, momentum, decay, nesterov, 4);
    params += 16;
    grads += 16;
    velocity += 16;
  }
  if (i < end) {
    sgdStep(params, grads, velocity, negativeRate, momentum, decay, nesterov, end - i);
  }
}

/** 1 - beta^t from ln(beta) in two parts. */
function correction(t: f32, logarithm: usize): f32 {
  const log = <f64>load<f32>(logarithm) + <f64>load<f32>(logarithm, 4);
  return <f32>-NativeMath.expm1(<f64>t * log);
}

/** Steps + 1, and both bias corrections. Params: count, hyper, the loss scale's state or 0. */
export function adam_count(thread: i32, threads: i32, p: usize): void {
  if (thread != 0) return;
  const count = load<usize>(p);
  const hyper = load<usize>(p, 4);
  const skip = load<usize>(p, 8);
  if (skip != 0 && load<f32>(skip, 8) != 0) return;
  const t = load<f32>(count) + 1;
  store<f32>(count, t);
  store<f32>(count, correction(t, hyper + 32), 4);
  store<f32>(count, correction(t, hyper + 40), 8);
}

/**
 * m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2;
 * w -= lr / c1 * m / (sqrt(v) / sqrt(c2) + eps), c the bias corrections.
 * Params: params, grads, m, v, count, hyper, n, the loss scale's state or 0.
 */
export function adam(thread: i32, threads: i32, p: usize): void {
  const count = load<usize>(p, 16);
  const hyper = load<usize>(p, 20);
  const n = load<u32>(p, 24);
  const skip = load<usize>(p, 28);
  if (skip != 0 && load<f32>(skip, 8) != 0) return;
  const rate = load<f32>(hyper);
  const decoupled = load<f32>(hyper, 20) != 0;
  const beta1 = splat(load<f32>(hyper, 4));
  const beta2 = splat(load<f32>(hyper, 8));
  const rest1 = splat(load<f32>(hyper, 24));
  const rest2 = splat(load<f32>(hyper, 28));
  const eps = splat(load<f32>(hyper, 12));
  const weightDecay = load<f32>(hyper, 16);
  const decay = splat(decoupled ? <f32>0 : weightDecay);
  const keep = splat(decoupled ? <f32>1 - rate * weightDecay : <f32>1);
  const step = splat(rate / load<f32>(count, 4));
  const root = splat(<f32>1 / <f32>Math.sqrt(<f64>load<f32>(count, 8)));
  const lines = (n + 15) >> 4;
  const end = min(shareStart(lines, thread + 1, threads) << 4, n);
  for (let i = shareStart(lines, thread, threads) << 4; i < end; i += 4) {
    const at: usize = 4 * <usize>i;
    const lanes = end - i;
    const mAt = load<usize>(p, 8) + at;
    const vAt = load<usize>(p, 12) + at;
    const wAt = load<usize>(p) + at;
    const w = v128.load(wAt);
    const g = f32x4.add(v128.load(load<usize>(p, 4) + at), f32x4.mul(decay, w));
    const m = f32x4.add(f32x4.mul(beta1, v128.load(mAt)), f32x4.mul(rest1, g));
    const v = f32x4.add(f32x4.mul(beta2, v128.load(vAt)), f32x4.mul(rest2, f32x4.mul(g, g)));
    const scale = f32x4.add(f32x4.mul(f32x4.sqrt(v), root), eps);
    put(mAt, m, lanes);
    put(vAt, v, lanes);
    put(wAt, f32x4.sub(f32x4.mul(w, keep), f32x4.div(f32x4.mul(step, m), scale)), lanes);
  }
}
