import {
  add,
  affine,
  concat,
  expand,
  flatten,
  flip,
  mul,
  pad,
  repeat,
  roll,
  slice,
  split,
  squeeze,
  stack,
  tile,
  unsqueeze,
  windows,
} from "../../src/ops/index.js";
import type { Tensor } from "../../src/tensor/tensor.js";

type Case = (a: Tensor, b: Tensor, c: Tensor) => Tensor;

const moving: Record<string, Case> = {
  "slice with steps": (x) => slice(x, [[1, 6, 2], null, [1, -1, 3]]),
  "slice backwards and by index": (x) => slice(x, [[5, 1, -2], 2, [-2]]),
  "concat along the middle": (a, b, c) => concat([a, b, c], 1),
  "concat of one tensor with itself": (x) => concat([x, x], -1),
  "stack in front and at the end": (a, b) => stack([stack([a, b], -1), stack([b, a], -1)]),
  "split in three": (x) => {
    const [a, b, c] = split(x, 3, 1) as [Tensor, Tensor, Tensor];
    return add(mul(a, b), affine(c, 2));
  },
  "pad with a number": (x) => pad(x, [0, [0, 3], [1, 2], 0], { value: -0.5 }),
  "pad by reflection": (x) => pad(x, [0, [3, 2], [1, 4], 0], { mode: "reflect" }),
  "pad by the edge": (x) => pad(x, [0, [3, 2], [0, 4], 0], { mode: "edge" }),
  "flip two axes": (x) => flip(x, [0, -1]),
  "roll forth and back": (x) => roll(roll(x, 3, 0), -7, 1),
  "windows of one axis": (x) => windows(x, [1], [4], { stride: 2 }),
  "windows of two axes, apart": (x) =>
    windows(x, [1, 2], [3, 2], { stride: [1, 3], dilation: [2, 1] }),
  repeat: (x) => repeat(x, 3, 1),
  tile: (x) => tile(x, [2, 3]),
  expand: (x) => expand(x, [4, 3, 5, 2]),
  "squeeze, unsqueeze, flatten": (x) => unsqueeze(flatten(squeeze(x, [1])), 1),
};

/** An op for each case of test/fixtures/ops.py. */
export const opCases: Record<string, Case> = { ...moving };
