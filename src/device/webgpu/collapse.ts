/**
 * The same index space with as few dimensions as possible: size-1 dimensions go, and neighbours that
 * every operand steps through evenly become one. `strides` holds one list per operand.
 */
export function collapse(
  shape: readonly number[],
  strides: readonly (readonly number[])[],
): { shape: number[]; strides: number[][] } {
  const sizes: number[] = [];
  const steps: number[][] = strides.map(() => []);
  for (const [d, size] of shape.entries()) {
    if (size === 1) continue;
    const last = sizes.length - 1;
    const mergeable =
      last >= 0 && strides.every((own, i) => steps[i]?.[last] === (own[d] ?? 0) * size);
    if (mergeable) sizes[last] = (sizes[last] ?? 1) * size;
    else sizes.push(size);
    for (const [i, own] of strides.entries()) {
      const list = steps[i] ?? [];
      if (mergeable) list[last] = own[d] ?? 0;
      else list.push(own[d] ?? 0);
    }
  }
  if (sizes.length === 0) return { shape: [1], strides: strides.map(() => [1]) };
  return { shape: sizes, strides: steps };
}

/** Row-major strides in elements. */
export function contiguousStrides(shape: readonly number[]): number[] {
  const strides: number[] = [];
  let step = 1;
  for (const size of [...shape].reverse()) {
    strides.unshift(step);
    step *= size;
  }
  return strides;
}
