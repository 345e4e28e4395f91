import { ReleasedError, ShapeError } from "../device/errors.js";
import { formatShape } from "../tensor/shape.js";
import type { GradientNode, SavedTensor, Tensor } from "../tensor/tensor.js";

/** The part of a loss's gradient graph that leads to the tensors whose gradients are wanted. */
export class Graph {
  /** The loss first, and every tensor before what it was made from. */
  readonly order: readonly Tensor[];
  readonly #needed: ReadonlySet<Tensor>;
  readonly #uses = new Map<Tensor, number>();

  /** @throws ShapeError unless the loss is a scalar */
  constructor(op: string, loss: Tensor, wanted: (x: Tensor) => boolean) {
    if (loss.size !== 1) {
      throw new ShapeError(
        `${op}: needs a scalar loss, the shape is ${formatShape(loss.shape)}; take sum or mean first`,
      );
    }
    const { order, needed } = walk(loss, wanted);
    this.order = order;
    this.#needed = needed;
    for (const x of order) {
      for (const input of this.runs(x)?.inputs ?? []) {
        if (input && needed.has(input)) this.#uses.set(input, this.uses(input) + 1);
      }
    }
  }

  needs(x: Tensor | undefined): x is Tensor {
    return x !== undefined && this.#needed.has(x);
  }

  /** The node of x, if gradients flow through it. */
  runs({ node }: Tensor): GradientNode | undefined {
    return node?.inputs.some((input) => this.needs(input)) ? node : undefined;
  }

  /** How many inputs of nodes x is. */
  uses(x: Tensor): number {
    return this.#uses.get(x) ?? 0;
  }

  /**
   * Checks, before anything is computed, that all that the nodes saved is as it was.
   *
   * @throws ReleasedError, GradientError
   */
  check(): void {
    for (const node of this.nodes()) {
      if (node.spent) {
        throw new ReleasedError(
          `backward: a backward with release: true went through ${node.name} before and gave the ` +
            "graph's memory back; leave release out of the first, or do the forward pass again",
        );
      }
      for (const saved of node.saved) this.#checkSaved(node.name, saved);
    }
  }

  /** A recorded backward pass reads what was saved outside of its recording at every replay. */
  #checkSaved(op: string, saved: SavedTensor): void {
    saved.check(op);
    const { capturing } = saved.tensor.device;
    if (!capturing || saved.capture === capturing) return;
    capturing.effect(() => {
      saved.check(op);
      return () => {};
    });
  }

  *nodes(): Generator<GradientNode> {
    for (const x of this.order) {
      const node = this.runs(x);
      if (node) yield node;
    }
  }
}

/** Depth first, without recursion: networks are deeper than the call stack. */
function walk(loss: Tensor, wanted: (x: Tensor) => boolean) {
  const seen = new Set<Tensor>([loss]);
  const needed = new Set<Tensor>();
  const post: Tensor[] = [];
  const stack: { x: Tensor; next: number }[] = [{ x: loss, next: 0 }];
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const { x } = top;
    const inputs = x.node?.inputs ?? [];
    if (top.next < inputs.length) {
      const input = inputs[top.next++];
      if (!input || seen.has(input)) continue;
      seen.add(input);
      stack.push({ x: input, next: 0 });
    } else {
      if (wanted(x) || inputs.some((input) => input && needed.has(input))) {
        needed.add(x);
        post.push(x);
      }
      stack.pop();
    }
  }
  return { order: post.reverse(), needed };
}
