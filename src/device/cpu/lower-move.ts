import type { MoveCall } from "../kernels/moving-call.js";
import { collapse } from "./lower-elementwise.js";
import type { Lowering } from "./lowering.js";

export function lowerMove({ x, out, shape, from, to, add }: MoveCall, lowering: Lowering): void {
  const { dims, strides } = collapse(shape, [from.strides, to.strides]);
  const [source = [], target = []] = strides;
  const start = lowering.address(x) + 4 * from.offset;
  const goal = lowering.address(out) + 4 * to.offset;
  // The innermost dimension is one whose elements are neighbours in the result, if there is one.
  const near = target.indexOf(1);
  const inner = near < 0 ? dims.length - 1 : near;
  const row = source.indexOf(1);
  const others = (values: readonly number[], ...left: number[]): number[] =>
    values.filter((_, d) => !left.includes(d));
  if (near >= 0 && row >= 0 && source[near] !== 1 && !add) {
    // Contiguous in x along `row`, in the result along `near`: a transposition.
    lowering.command("transpose", [
      ...[start, goal, dims[row] ?? 1, dims[near] ?? 1],
      ...[source[near] ?? 0, target[row] ?? 0, dims.length - 2],
      ...[...others(dims, row, near), ...others(source, row, near), ...others(target, row, near)],
    ]);
    return;
  }
  const outer = others(dims, inner);
  lowering.command("move", [
    ...[start, goal, add ? 1 : 0, dims[inner] ?? 1, source[inner] ?? 1, target[inner] ?? 1],
    ...[outer.reduce((a, b) => a * b, 1), outer.length],
    ...[...outer, ...others(source, inner), ...others(target, inner)],
  ]);
}
