import groupText from "../../../shaders/group.wgsl";
import moveText from "../../../shaders/move.wgsl";
import type { MoveCall } from "../kernels/moving-call.js";
import { collapse } from "./collapse.js";
import { type GpuLowering, reads, shader, writes } from "./lowering.js";
import { linear } from "./spread.js";

const moveShader = shader("move", groupText, moveText);

/** What is moved at a time, with its elements; the largest that fits is taken. */
const words = [["vec4u", 4], ["u32", 1]] as const; // biome-ignore format: one type a pair
const floats = [["vec4f", 4], ["f32", 1]] as const; // biome-ignore format: one type a pair
const halves = [["vec4u", 8], ["u32", 2], ["f16", 1]] as const; // biome-ignore format: one type a pair

export function lowerMove(gpu: GpuLowering, { x, out, shape, from, to, add }: MoveCall): void {
  const { shape: sizes, strides } = collapse(shape, [from.strides, to.strides]);
  const [source = [], target = []] = strides;
  const types: readonly (readonly [string, number])[] =
    out.type === "f16" ? halves : add ? floats : words;
  const [V, width] = types.find(([, n]) => fits(n)) ?? ["u32", 1];
  const last = sizes.length - 1;
  const dims = sizes.flatMap((size, d) =>
    d === last
      ? [size / width, width > 1 ? 1 : (source[d] ?? 1), width > 1 ? 1 : (target[d] ?? 1), 0]
      : [size, (source[d] ?? 0) / width, (target[d] ?? 0) / width, 0],
  );
  const length = sizes.reduce((a, b) => a * b, 1) / width;
  gpu.dispatch({
    shader: moveShader,
    constants: { V, RANK: sizes.length, ADD: add },
    bindings: [reads(x), writes(out)],
    ...linear(gpu, length, from.offset / width, to.offset / width, ...dims),
  });

  /** Whether neighbours along the last dimension are neighbours in memory, in whole groups of n. */
  function fits(n: number): boolean {
    if (n === 1) return true;
    const outer = [...source.slice(0, -1), ...target.slice(0, -1), from.offset, to.offset];
    const ends = [source.at(-1), target.at(-1)];
    return ends.every((s) => s === 1) && [...outer, sizes.at(-1) ?? 1].every((s) => s % n === 0);
  }
}
