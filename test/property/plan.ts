import { sameShape } from "../../src/tensor/shape.js";
import type { Builder } from "./build.js";
import type { OpWeights } from "./draw-op.js";
import type { Id } from "./program.js";
import { add, mul } from "./reference/elementwise.js";
import { crossEntropy } from "./reference/layers.js";
import * as moving from "./reference/moving.js";
import { MeaninglessProgram } from "./reference/tensors.js";
import { sizeOf } from "./reference/value.js";

/** What a program may do beside ops and one loss. */
export interface Features {
  readonly ops: OpWeights;
  /** How often a value is detached. */
  readonly detach: number;
  /** Scopes that open and end inside of the program. */
  readonly scopes: number;
  /** Several losses, one after the other or side by side. */
  readonly losses: number;
  readonly accumulate: number;
  /** `gradients` in place of `backward`. */
  readonly gradients: number;
  /** The share of programs that do something illegal, and what. */
  readonly trouble: number;
  readonly troubles: readonly TroubleKind[];
}

export type TroubleKind = "write" | "release" | "end" | "again" | "gone" | "cut";

/** What the drawing of a program keeps in mind. */
export interface Plan {
  readonly b: Builder;
  readonly features: Features;
  /** Losses that no backward pass has begun from. */
  losses: Id[];
  /** What was live when each open scope began. */
  readonly scopes: (readonly Id[])[];
  /** Pairs that one loss should hold: a product with what was detached, and that itself. */
  readonly together: (readonly [Id, Id])[];
  /** Gradients as tensors: they are good until the next backward pass. */
  readonly taken: Id[];
  backwards: number;
}

export function closeScope(plan: Plan): void {
  plan.b.run({ do: "close" });
  const before = new Set(plan.scopes.pop());
  const leaves = new Set(plan.b.leaves.map(({ id }) => id));
  plan.b.live = plan.b.live.filter((id) => before.has(id) || leaves.has(id));
}

/** A scalar from one to three values, each weighed by a constant so that none is like another. */
export function drawLoss(plan: Plan): void {
  const { b } = plan;
  const { random } = b;
  const candidates = b.live.filter((id) => b.tracks(id));
  if (candidates.length === 0) throw new MeaninglessProgram("nothing is tracked");
  const chosen = Array.from({ length: random.integer(1, 3) }, () => random.recent(candidates));
  const pairs = plan.together.filter((pair) => pair.every((id) => b.live.includes(id)));
  if (pairs.length > 0 && random.chance(0.7)) chosen.push(...random.shuffled(random.pick(pairs)));
  const [one, two] = random.shuffled(b.leaves.filter(({ kind }) => kind === "parameter"));
  if (one && two && random.chance(0.2) && sameShape(b.shape(one.id), b.shape(two.id))) {
    // A gradient that goes to two leaves as it is.
    chosen.push(b.need(add, [one.id, two.id]));
  }
  const parts = chosen.map((x) => {
    const shape = b.shape(x);
    const [rows, classes] = shape;
    if (shape.length === 2 && rows && classes && classes > 1 && random.chance(0.3)) {
      const entropy = crossEntropy(random.pick([0, 0.1]));
      return b.need(moving.mean(), [b.need(entropy, [x, b.integers(rows, classes)])]);
    }
    if (shape.length === 0) return x;
    const weight = b.leaf("constant", shape, 0.5, 1.5);
    return b.need(random.pick([moving.sum(), moving.mean()]), [b.need(mul, [x, weight])]);
  });
  const id = parts.reduce((sum, part) => b.need(add, [sum, part]));
  const leaf = b.leaves.some((l) => l.id === id);
  plan.losses.push(leaf ? b.need(add, [id, id]) : id);
}

/** A backward pass from one of the losses, or `gradients`, and a look at what came of it. */
export function drawBackward(plan: Plan): void {
  const { b, features } = plan;
  const { random } = b;
  const loss = random.pick(plan.losses);
  plan.losses = plan.losses.filter((l) => l !== loss);
  if (random.chance(features.gradients)) {
    drawGradients(b, loss);
  } else {
    const accumulate = plan.backwards > 0 && random.chance(features.accumulate);
    plan.backwards++;
    b.run({ do: "backward", loss, accumulate });
  }
  if (b.over) return;
  b.forget(plan.taken.splice(0));
  const gradients = b.leaves.flatMap(({ id, kind }) => {
    if (kind !== "parameter") return [];
    b.run({ do: "grad", of: id });
    return b.hasGradient(id) ? [id] : [];
  });
  if (gradients.length > 0 && random.chance(0.2)) {
    const to = b.name();
    b.run({ do: "takeGrad", to, of: random.pick(gradients) });
    plan.taken.push(to);
    b.live.push(to);
    // As clipping does: no other gradient is changed by it.
    if (random.chance(0.5)) {
      b.run({ do: "write", of: to, values: random.values(sizeOf(b.shape(to)), 0.5, 1.5) });
      for (const of of gradients) b.run({ do: "grad", of });
    }
  }
  if (random.chance(0.3)) b.run({ do: "read", of: random.recent(b.live) });
}

function drawGradients(b: Builder, loss: Id): void {
  const leaves = new Set(b.leaves.map(({ id }) => id));
  const onlyLeaves = b.random.chance(0.6);
  const upstream = ancestors(b, loss).filter((id) => !onlyLeaves || leaves.has(id));
  const wrt = b.random.shuffled(upstream).slice(0, b.random.integer(1, 2));
  if (wrt.length === 0) throw new MeaninglessProgram("the loss depends on nothing");
  const to = wrt.map(() => b.name());
  b.run({ do: "gradients", loss, wrt, to });
  if (b.over) return;
  for (const of of to) b.run({ do: "read", of });
  const [first = "", ...others] = to;
  if (others.length === 0 || b.random.chance(0.5)) return;
  // They are tensors of their own.
  b.run({ do: "write", of: first, values: b.random.values(sizeOf(b.shape(first)), 0.5, 1.5) });
  for (const of of others) b.run({ do: "read", of });
}

/** The tracked tensors that a value depends on. */
function ancestors(b: Builder, loss: Id): Id[] {
  const found = new Set([loss]);
  for (const i of [...b.body].reverse()) {
    if (i.do !== "apply" || !found.has(i.to) || !b.tracks(i.to)) continue;
    for (const id of i.of) if (b.tracks(id)) found.add(id);
  }
  found.delete(loss);
  return [...found];
}
