import type { Shape } from "../../src/tensor/shape.js";
import type { Builder } from "./build.js";
import type { Id } from "./program.js";
import { binary, less, unary, where } from "./reference/elementwise.js";
import { batchNorm, conv2d, matmul } from "./reference/layers.js";
import * as moving from "./reference/moving.js";
import { broadcast } from "./reference/value.js";

export type OpKind =
  | "unary"
  | "binary"
  | "where"
  | "view"
  | "move"
  | "reduce"
  | "matmul"
  | "image"
  | "norm";

/** How often each kind of op is tried. */
export type OpWeights = Readonly<Record<OpKind, number>>;

type Draw = (b: Builder, x: Id) => Id | null;

/** Adds a random op on something live; null if the one drawn did not suit. */
export function drawOp(b: Builder, weights: OpWeights): Id | null {
  const x = b.random.recent(b.live);
  return draws[b.random.weighted(weights)](b, x);
}

const draws: Record<OpKind, Draw> = {
  unary: (b, x) => b.apply(b.random.pick(unary), [x], b.random.chance(0.08)),
  binary(b, x) {
    const shape = b.shape(x);
    const y = b.find((other) => broadcast([shape, other]) !== null) ?? x;
    return b.apply(b.random.pick(binary), b.random.shuffled([x, y]), b.random.chance(0.05));
  },
  where(b, x) {
    const shape = b.shape(x);
    const y = b.find((other) => broadcast([shape, other]) !== null) ?? x;
    const condition = b.apply(less, [x, y]);
    if (condition === null) return null;
    b.forget([condition]);
    return b.apply(where, [condition, ...b.random.shuffled([x, y])]);
  },
  view(b, x) {
    const shape = b.shape(x);
    const to = b.random.pick(otherShapes(shape));
    return to ? b.apply(moving.reshape(to), [x]) : null;
  },
  move(b, x) {
    const shape = b.shape(x);
    const rows = shape[0] ?? 1;
    const how = b.random.pick(["permute", "gather", "gather", "broadcastTo"]);
    if (how === "permute" && shape.length >= 2) {
      return b.apply(moving.permute(b.random.shuffled(shape.map((_, d) => d))), [x]);
    }
    if (how === "gather" && shape.length >= 1 && shape.length < 4 && rows > 1) {
      return b.apply(moving.gather, [x, b.integers(b.random.integer(2, 5), rows)]);
    }
    if (how === "broadcastTo" && shape.length < 3 && !b.tracks(x)) {
      return b.apply(moving.broadcastTo([b.random.integer(2, 3), ...shape]), [x]);
    }
    return null;
  },
  reduce(b, x) {
    const shape = b.shape(x);
    if (shape.length === 0) return null;
    const axes = shape.map((_, d) => d).filter(() => b.random.chance(0.5));
    const keepDims = b.random.chance(0.5);
    const how = axes.length > 0 ? { axes, keepDims } : { keepDims };
    return b.apply(b.random.pick([moving.sum, moving.mean, moving.max])(how), [x]);
  },
  matmul(b, x) {
    const shape = b.shape(x);
    if (shape.length < 2 || shape.length > 3) return null;
    const [transA, transB] = [b.random.chance(0.3), b.random.chance(0.5)];
    const k = (transA ? shape.at(-2) : shape.at(-1)) ?? 1;
    const n = b.random.integer(2, 5);
    const own = transB ? [n, k] : [k, n];
    const found = b.find(
      (s, id) => s.length === 2 && id !== x && s[transB ? 1 : 0] === k && b.random.chance(0.7),
    );
    const weight =
      found ?? b.leaf(b.random.pick(["parameter", "parameter", "constant"]), own, -1, 1);
    if (!found) b.live.push(weight);
    return b.apply(matmul(transA, transB), [x, weight]);
  },
  image(b) {
    const x = b.find((shape) => shape.length === 4 && (shape[1] ?? 0) >= 3 && (shape[2] ?? 0) >= 3);
    if (x === null) return null;
    const how = b.random.pick(["conv", "conv", "conv", "max", "avg", "global"]);
    if (how === "global") return b.apply(moving.mean({ axes: [1, 2] }), [x]);
    if (how === "max") return b.apply(moving.maxPool(2, b.random.integer(1, 2), 0), [x]);
    if (how === "avg") return b.apply(moving.avgPool(3, 2, 1), [x]);
    const channels = b.shape(x)[3] ?? 1;
    const [size, padding] = b.random.chance(0.7) ? [3, 1] : [1, 0];
    const filters = [size, size, channels, b.random.integer(2, 3)];
    const bound = 1.5 / Math.sqrt(size * size * channels);
    const w = b.leaf(b.random.chance(0.9) ? "parameter" : "constant", filters, -bound, bound);
    b.live.push(w);
    return b.apply(conv2d(b.random.integer(1, 2), padding), [x, w]);
  },
  norm(b, x) {
    const shape = b.shape(x);
    const channels = shape.at(-1) ?? 1;
    if (shape.length < 2 || shape.slice(0, -1).reduce((n, d) => n * d, 1) < 4) return null;
    const state = [
      b.leaf("parameter", [channels], 0.5, 1.5),
      b.leaf("parameter", [channels], -0.5, 0.5),
      b.leaf("constant", [channels], -0.3, 0.3),
      b.leaf("constant", [channels], 0.5, 1.5),
    ];
    const residual = b.random.chance(0.3) ? b.sameShape(x) : null;
    const inputs = [x, ...state, ...(residual === null ? [] : [residual])];
    const norm = (training: boolean) => batchNorm({ training, relu: b.random.chance(0.4) });
    const first = b.random.chance(0.7);
    const y = b.apply(norm(first), inputs);
    // The same layer a second time, in the other mode or in the same.
    if (y !== null && b.random.chance(0.3)) b.apply(norm(b.random.chance(0.5)), inputs);
    return y;
  },
};

/** Other shapes for as many elements. */
function otherShapes(shape: Shape): Shape[] {
  const size = shape.reduce((n, d) => n * d, 1);
  const out: Shape[] = [[size], [1, size], [size, 1], [...shape, 1]];
  for (const d of [2, 3, 5]) if (size % d === 0 && size > d) out.push([d, size / d], [size / d, d]);
  return out.filter((s) => s.length <= 4 && s.join() !== shape.join());
}
