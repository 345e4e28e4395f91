import { shareStart, storeTail } from "./simd";

/** The bits of 1, and of a float's exponent: all set in infinities and NaN. */
const ONE: u32 = 0x3f800000;
const EXPONENT: u32 = 0x7f800000;

/**
 * Gradients divided by the loss scale; state[2] := 1 if one of them is infinite or NaN.
 * Params: grads, state, n.
 */
export function unscale(thread: i32, threads: i32, p: usize): void {
  const state = load<usize>(p, 4);
  const n = load<u32>(p, 8);
  const inverse = f32x4.splat(<f32>1 / load<f32>(state));
  const exponent = i32x4.splat(EXPONENT);
  const lines = (n + 15) >> 4;
  let i = shareStart(lines, thread, threads) << 4;
  const end = min(shareStart(lines, thread + 1, threads) << 4, n);
  let grads = load<usize>(p) + 4 * <usize>i;
  let found = i32x4.splat(0);
  for (; i + 4 <= end; i += 4) {
    const grad = v128.load(grads);
    found = v128.or(found, i32x4.eq(v128.and(grad, exponent), exponent));
    v128.store(grads, f32x4.mul(grad, inverse));
    grads += 16;
  }
  let any = v128.any_true(found);
  for (let at = grads, left = i; left < end; left++, at += 4) {
    if ((load<u32>(at) & EXPONENT) == EXPONENT) any = true;
  }
  if (i < end) storeTail(grads, f32x4.mul(v128.load(grads), inverse), end - i);
  if (!any) return;
  if (ASC_FEATURE_THREADS) atomic.store<u32>(state, ONE, 8);
  else store<u32>(state, ONE, 8);
}

/**
 * PyTorch's GradScaler.update. Params: state (scale, good steps, found, skipped), growth, backoff,
 * interval.
 */
export function update_scale(thread: i32, threads: i32, p: usize): void {
  if (thread != 0) return;
  const state = load<usize>(p);
  const scale = load<f32>(state);
  if (load<f32>(state, 8) != 0) {
    store<f32>(state, scale * load<f32>(p, 8));
    store<f32>(state, 0, 4);
    store<f32>(state, 0, 8);
    store<f32>(state, load<f32>(state, 12) + 1, 12);
    return;
  }
  const good = load<f32>(state, 4) + 1;
  if (good < load<f32>(p, 12)) {
    store<f32>(state, good, 4);
    return;
  }
  const grown = scale * load<f32>(p, 4);
  if (isFinite<f32>(grown)) store<f32>(state, grown);
  store<f32>(state, 0, 4);
}
