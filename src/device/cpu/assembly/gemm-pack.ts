// Packing: operands of a GEMM copied into panels, whole vectors at a time. Loads may run past a
// row's end; what they bring only reaches products that are never stored.

// @ts-ignore: decorator
@inline
const panelWidth = 8;

/** B panels of a GEMM: `groups` matrices, each the taps' [k, n] (or [n, k]) stacked along k. */
@unmanaged
export class PackCall {
  source: usize;
  target: usize;
  groups: i32;
  /** Floats from one group's source to the next. */
  stride: i32;
  n: i32;
  k: i32;
  transposed: i32;
  taps: i32;
  /** `taps` words follow: each tap's offset in the source, in floats. */
}

/** [rows k0 to k0 + count, 8 columns from n0] of a [k, n] matrix -> [count][8]. */
// @ts-ignore: decorator
@inline
export function packStraight(from: usize, ld: usize, count: i32, to: usize): void {
  for (let i = 0; i < count; i++) {
    v128.store(to, v128.load(from));
    v128.store(to, v128.load(from, 16), 16);
    from += ld;
    to += 4 * panelWidth;
  }
}

/** Rows r0 to r3 of 4 floats -> the first `count` rows of their transpose, 32 bytes apart. */
// @ts-ignore: decorator
@inline
function transpose4(r0: usize, r1: usize, r2: usize, r3: usize, to: usize, count: i32): void {
  const a = v128.load(r0), b = v128.load(r1), c = v128.load(r2), d = v128.load(r3);
  const ab = v128.shuffle<f32>(a, b, 0, 4, 1, 5), cd = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  v128.store(to, v128.shuffle<i64>(ab, cd, 0, 2));
  if (count > 1) v128.store(to, v128.shuffle<i64>(ab, cd, 1, 3), 32);
  if (count > 2) {
    const ef = v128.shuffle<f32>(a, b, 2, 6, 3, 7), gh = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<i64>(ef, gh, 0, 2), 64);
    if (count > 3) v128.store(to, v128.shuffle<i64>(ef, gh, 1, 3), 96);
  }
}

/** `columns` (1 to 8) rows of an [n, k] matrix, `count` floats each -> [count][8]. */
export function packTransposed(
  from: usize, ld: usize, columns: i32, count: i32, to: usize,
): void {
  for (let half = 0; half < 2; half++) {
    const first = half * 4;
    const r0 = from + <usize>min(first, columns - 1) * ld;
    const r1 = from + <usize>min(first + 1, columns - 1) * ld;
    const r2 = from + <usize>min(first + 2, columns - 1) * ld;
    const r3 = from + <usize>min(first + 3, columns - 1) * ld;
    for (let i = 0; i < count; i += 4) {
      const at = <usize>i << 2;
      const target = to + (<usize>i << 5) + (<usize>first << 2);
      transpose4(r0 + at, r1 + at, r2 + at, r3 + at, target, count - i);
    }
  }
}

export function gemm_pack(thread: i32, threads: i32, p: usize): void {
  const call = changetype<PackCall>(p);
  const n = call.n, k = call.k, taps = call.taps;
  const panels = (n + 7) >> 3;
  const items = call.groups * panels * taps;
  for (let item = thread; item < items; item += threads) {
    const tap = item % taps;
    const panel = (item / taps) % panels;
    const group = item / (taps * panels);
    const offset = group * call.stride + load<i32>(p + offsetof<PackCall>() + (<usize>tap << 2));
    const source = call.source + (<usize>offset << 2);
    const to = call.target + (<usize>(((group * panels + panel) * taps + tap) * k) << 5);
    const first = panel << 3;
    if (call.transposed) {
      const ld = <usize>k << 2;
      packTransposed(source + <usize>first * ld, ld, min(8, n - first), k, to);
    } else {
      packStraight(source + (<usize>first << 2), <usize>n << 2, k, to);
    }
  }
}
