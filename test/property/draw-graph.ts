import type { Shape } from "../../src/tensor/shape.js";
import { Builder } from "./build.js";
import { drawOp, type OpWeights } from "./draw-op.js";
import { closeScope, drawBackward, drawLoss, type Features, type Plan } from "./plan.js";
import type { Id, Program } from "./program.js";
import type { Choices } from "./random.js";
import { mul } from "./reference/elementwise.js";
import { broadcast } from "./reference/value.js";
import { drawTrouble } from "./trouble.js";

const all: OpWeights = {
  ...{ unary: 4, binary: 5, where: 0.5, view: 2, move: 2 },
  ...{ reduce: 1.5, matmul: 2, image: 2, norm: 1.5 },
};

export const wholeGraph: Features = {
  ...{ ops: all, detach: 1.5, scopes: 1, losses: 2, accumulate: 0.4 },
  ...{ gradients: 0.25, trouble: 0.35 },
  troubles: ["write", "write", "release", "release", "end", "again", "gone", "cut"],
};

/** Odd ones, and one set for vector loads of four. */
const usualSizes = [
  [3, 5, 2],
  [5, 3, 2],
  [2, 7, 3],
  [4, 8, 2],
] as const;

/** Tensors, ops, scopes and backward passes. */
export function drawGraph(random: Choices, features: Features): Program {
  const scoped = random.chance(0.85);
  const b = new Builder(random, { scoped });
  const plan: Plan = { b, features, losses: [], scopes: [], together: [], taken: [], backwards: 0 };
  for (const shape of firstShapes(random, random.pick(usualSizes))) {
    b.live.push(b.leaf(random.chance(0.75) ? "parameter" : "constant", shape));
  }
  const troubled = random.chance(features.trouble);
  const rounds = random.chance(features.losses / (1 + features.losses)) ? random.integer(2, 3) : 1;
  for (let round = 0; round < rounds && !b.over; round++) {
    for (let n = random.integer(3, 9); n > 0; n--) event(plan);
    drawLoss(plan);
    if (random.chance(0.2 * features.losses)) drawLoss(plan);
    if (troubled && round === rounds - 1) drawTrouble(plan);
    while (plan.losses.length > 0 && !b.over) drawBackward(plan);
    while (plan.scopes.length > 0 && !b.over && random.chance(0.7)) closeScope(plan);
    if (random.chance(0.3) && !b.over) overwriteLeaf(plan);
    else if (random.chance(0.5)) b.forget(results(b));
  }
  const body = b.finished();
  return { body, scoped };
}

function firstShapes(random: Choices, [a, b, c]: readonly [number, number, number]): Shape[] {
  const flat = [[a, b], [b], [a, 1], [c, a, b], [b, c], [1, b], []];
  const count = random.integer(2, 4);
  const shapes: Shape[] = Array.from({ length: count }, () => random.pick(flat));
  if (random.chance(0.3)) shapes.push([2, a + 1, b, c]);
  return [[a, b], ...shapes];
}

const results = ({ live, leaves }: Builder): Id[] =>
  live.filter((id) => !leaves.some((leaf) => leaf.id === id));

function event(plan: Plan): void {
  const { b, features } = plan;
  const { random } = b;
  const kind = random.weighted({
    ...{ op: 12, detach: features.detach, read: 0.6, keep: 0.4 },
    ...{ open: plan.scopes.length < 2 ? features.scopes : 0 },
    ...{ carry: plan.scopes.length > 0 && plan.losses.length === 0 ? 1.5 : 0 },
  });
  const x = random.recent(b.live);
  if (kind === "op") {
    // What the draw does not suit is drawn again.
    for (let n = 0; n < 6 && drawOp(b, features.ops) === null; n++);
  } else if (kind === "detach") {
    drawDetached(plan, x);
  } else if (kind === "read" || kind === "keep") {
    b.run({ do: kind, of: x });
  } else if (kind === "open") {
    plan.scopes.push([...b.live]);
    b.run({ do: "open" });
  } else {
    carryOut(plan, x);
  }
}

/** A value outside of the graph, as a factor of one inside of it; both may stand in one loss. */
function drawDetached({ b, together }: Plan, x: Id): void {
  const to = b.name();
  b.run({ do: "detach", to, of: x });
  const other = b.find((shape, id) => b.tracks(id) && fits(shape, b.shape(x)));
  const product = other === null ? null : b.apply(mul, b.random.shuffled([to, other]));
  if (product === null) b.live.push(to);
  else if (b.tracks(x)) together.push([product, x]);
}

const fits = (a: Shape, b: Shape): boolean => broadcast([a, b]) !== null;

/** Ends a scope whose last value goes on as a constant. */
function carryOut(plan: Plan, x: Id): void {
  const { b } = plan;
  const to = b.name();
  b.run({ do: "detach", to, of: x });
  b.run({ do: "keep", of: to });
  closeScope(plan);
  b.live.push(to);
}

/** New values in a leaf, as between two steps: what was computed from the old ones is left alone. */
function overwriteLeaf({ b }: Plan): void {
  const leaf = b.random.pick(b.leaves.filter(({ kind }) => kind !== "integers"));
  const size = b.shape(leaf.id).reduce((n, d) => n * d, 1);
  b.run({ do: "write", of: leaf.id, values: b.random.values(size, -1.5, 1.5) });
  b.forget(results(b));
}
