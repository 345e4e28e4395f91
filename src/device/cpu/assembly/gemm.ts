/** out[b,m,n] := A B (+ bias), one output row at a time; see MatmulCall for the layouts. */
export function matmul(thread: i32, threads: i32, p: usize): void {
  const a = <usize>load<u32>(p);
  const b = <usize>load<u32>(p, 4);
  const bias = <usize>load<u32>(p, 8);
  const out = <usize>load<u32>(p, 12);
  const batch = load<i32>(p, 16);
  const m = load<i32>(p, 20);
  const n = load<i32>(p, 24);
  const k = load<i32>(p, 28);
  const transA = load<i32>(p, 32);
  const transB = load<i32>(p, 36);
  const strideA = load<i32>(p, 40);
  const strideB = load<i32>(p, 44);
  const rows = batch * m;
  for (let r = thread; r < rows; r += threads) {
    const i = r % m;
    const batchA = a + <usize>(r / m) * <usize>strideA * 4;
    const batchB = b + <usize>(r / m) * <usize>strideB * 4;
    const row = out + <usize>r * <usize>n * 4;
    for (let j = 0; j < n; j++) {
      store<f32>(row + (<usize>j << 2), bias ? load<f32>(bias + (<usize>j << 2)) : 0);
    }
    for (let l = 0; l < k; l++) {
      const x = load<f32>(batchA + (<usize>(transA ? l * m + i : i * k + l) << 2));
      const column = batchB + (<usize>(transB ? l : l * n) << 2);
      const step: usize = transB ? <usize>k << 2 : 4;
      for (let j = 0; j < n; j++) {
        const at = row + (<usize>j << 2);
        store<f32>(at, load<f32>(at) + x * load<f32>(column + <usize>j * step));
      }
    }
  }
}
