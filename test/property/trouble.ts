import { closeScope, drawBackward, type Plan } from "./plan.js";
import type { Id } from "./program.js";
import { add, less, mul, square } from "./reference/elementwise.js";
import * as moving from "./reference/moving.js";
import { sizeOf } from "./reference/value.js";

/**
 * Something that must not be done while losses wait for their backward pass, or with what is gone.
 * The reference says which of the steps after it may fail, and which have to.
 */
export function drawTrouble(plan: Plan): void {
  troubles[plan.b.random.pick(plan.features.troubles)](plan);
}

const troubles = {
  /** Between forward and backward something is overwritten, or a view of it. */
  write(plan: Plan): void {
    const { b } = plan;
    const { random } = b;
    const integers = b.leaves.filter(({ kind }) => kind === "integers");
    if (integers.length > 0 && random.chance(0.2)) {
      const { id } = random.pick(integers);
      b.run({ do: "write", of: id, values: b.shape(id).flatMap((n) => new Array(n).fill(0)) });
      return;
    }
    const x = random.pick(usedIds(plan));
    const size = sizeOf(b.shape(x));
    b.run({ do: "write", of: x, values: random.values(size, 0.5, 1.5) });
  },

  /** Between forward and backward something is released; perhaps twice, with its memory handed on. */
  release(plan: Plan): void {
    const { b } = plan;
    const x = b.random.pick(usedIds(plan));
    b.run({ do: "release", of: x });
    b.forget([x]);
    if (b.random.chance(0.4)) return;
    for (let n = 0; n < 2; n++) b.apply(square, [b.random.pick(certain(plan))]);
    if (b.random.chance(0.5)) b.run({ do: "release", of: x });
  },

  /** A scope ends around a graph whose loss is kept. */
  end(plan: Plan): void {
    const { b } = plan;
    for (const of of plan.losses) b.run({ do: "keep", of });
    if (plan.scopes.length > 0) closeScope(plan);
    else troubles.release(plan);
  },

  /** A second backward pass from a loss: an error where the first one released. */
  again(plan: Plan): void {
    const { b } = plan;
    const [loss] = plan.losses;
    if (!loss) return;
    drawBackward(plan);
    if (!b.over) b.run({ do: "backward", loss, accumulate: b.random.chance(0.3) });
  },

  /** Something that is gone is used, in any way. */
  gone(plan: Plan): void {
    const { b } = plan;
    const x = b.random.pick(usedIds(plan));
    b.run({ do: "release", of: x });
    const to = b.name();
    const size = sizeOf(b.shape(x));
    const uses = {
      read: () => b.run({ do: "read", of: x }),
      keep: () => b.run({ do: "keep", of: x }),
      release: () => b.run({ do: "release", of: x }),
      write: () => b.run({ do: "write", of: x, values: b.random.values(size, -1, 1) }),
      detach: () => {
        b.run({ do: "detach", to, of: x });
        b.run({ do: "read", of: to });
      },
      reshape: () =>
        b.run({ do: "apply", to, op: moving.reshape([size, 1]), of: [x], noGrad: false }),
      mul: () => b.run({ do: "apply", to, op: mul, of: [x, x], noGrad: false }),
    };
    uses[b.random.pick(Object.keys(uses) as (keyof typeof uses)[])]();
  },

  /** A gradient is asked for where there is none. */
  cut(plan: Plan): void {
    const { b } = plan;
    const [loss] = plan.losses;
    if (!loss) return;
    const to = b.name();
    b.run({ do: "detach", to, of: loss });
    if (b.random.chance(0.4)) {
      b.run({ do: "backward", loss: to, accumulate: false });
      return;
    }
    const unused = b.leaf("parameter", [3]);
    let id = loss;
    if (b.random.chance(0.5)) {
      // A comparison has no gradient.
      const mask = b.need(less, [unused, b.leaf("constant", [3])]);
      id = b.need(add, [id, b.need(moving.sum(), [mask])]);
    }
    b.run({ do: "gradients", loss: id, wrt: [unused], to: [b.name()] });
  },
};

/** Values that ops have read or made, in a graph or not. */
function usedIds({ b }: Plan): Id[] {
  const ids = b.body.flatMap((i) => (i.do === "apply" ? [...i.of, i.to] : []));
  const integers = new Set(b.leaves.flatMap(({ id, kind }) => (kind === "integers" ? [id] : [])));
  const there = new Set([...b.live, ...b.leaves.map(({ id }) => id)]);
  return [...new Set(ids)].filter((id) => there.has(id) && !integers.has(id));
}

/** Leaves that are surely there. */
const certain = ({ b }: Plan): Id[] =>
  b.leaves.flatMap(({ id, kind }) => (kind !== "integers" && b.live.includes(id) ? [id] : []));
