import type { ElementwiseCall, ElementwiseCalls } from "../kernels/elementwise-call.js";

import type { Slice } from "../storage.js";
import { float32Bits, type Lowering } from "./lowering.js";

interface Strided {
  readonly slice: Slice;
  readonly strides: readonly number[];
}

/** Drops dimensions of size 1 and joins neighbours that every operand walks as one. */
export function collapse(
  shape: readonly number[],
  operands: readonly (readonly number[])[],
): { dims: number[]; strides: number[][] } {
  const dims: number[] = [];
  const strides: number[][] = operands.map(() => []);
  shape.forEach((size, d) => {
    if (size === 1) return;
    const joins =
      dims.length > 0 && strides.every((own, i) => own.at(-1) === (operands[i]?.[d] ?? 0) * size);
    if (joins) dims.push((dims.pop() ?? 1) * size);
    else dims.push(size);
    strides.forEach((own, i) => {
      if (joins) own.pop();
      own.push(operands[i]?.[d] ?? 0);
    });
  });
  if (dims.length === 0) {
    dims.push(1);
    for (const own of strides) own.push(1);
  }
  return { dims, strides };
}

/** The words that assembly/walk.ts reads. */
function walkParams(
  out: Slice,
  shape: readonly number[],
  operands: readonly Strided[],
  [p, q]: readonly [number, number],
  { address }: Lowering,
): number[] {
  const { dims, strides } = collapse(
    shape,
    operands.map((operand) => operand.strides),
  );
  const n = dims.pop() ?? 1;
  const rows = dims.reduce((a, b) => a * b, 1);
  return [
    ...[address(out), operands.length, n, rows, dims.length],
    ...[float32Bits(p), float32Bits(q), ...dims],
    ...operands.flatMap(({ slice }, i) => {
      const own = strides[i] ?? [];
      return [address(slice), own.at(-1) ?? 0, ...own.slice(0, -1)];
    }),
  ];
}

export function lowerElementwise(call: ElementwiseCall, lowering: Lowering): void {
  const name = `elementwise_${call.kernel.replace(".", "_")}`;
  lowering.command(name, walkParams(call.out, call.shape, call.inputs, call.scalars, lowering));
}

export function lowerInteger(call: ElementwiseCalls["integer"], lowering: Lowering): void {
  const params = walkParams(call.out, call.shape, call.inputs, [0, 0], lowering);
  lowering.command(`integer_${call.op}`, params);
}
