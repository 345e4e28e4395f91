import { ReleasedError, ShapeError } from "../device/errors.js";
import { formatShape } from "../tensor/shape.js";
import type { GradientNode, SavedTensor, Tensor } from "../tensor/tensor.js";

/** A tensor of a graph, and how it was made if gradients flow on from it. */
interface GraphStep {
  readonly x: Tensor;
  readonly node: GradientNode | undefined;
}

/** The part of a loss's gradient graph that leads to the tensors whose gradients are wanted. */
export class Graph {
  /** The loss first, and every tensor before what it was made from. */
  readonly steps: readonly GraphStep[];
  /** How many inputs of nodes a tensor is: 0 for the loss. */
  readonly #uses: ReadonlyMap<Tensor, number>;

  /** @throws ShapeError unless the loss is a scalar */
  constructor(op: string, loss: Tensor, wanted: (x: Tensor) => boolean) {
    if (loss.size !== 1) {
      throw new ShapeError(
        `${op}: needs a scalar loss, the shape is ${formatShape(loss.shape)}; take sum or mean first`,
      );
    }
    const { steps, uses } = walk(loss, wanted);
    this.steps = steps;
    this.#uses = uses;
  }

  needs(x: Tensor | undefined): x is Tensor {
    return x !== undefined && this.#uses.has(x);
  }

  uses(x: Tensor): number {
    return this.#uses.get(x) ?? 0;
  }

  /**
   * Checks, before anything is computed, that all that the nodes saved is as it was.
   *
   * @throws ReleasedError, GradientError
   */
  check(): void {
    for (const { node } of this.steps) {
      if (!node) continue;
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
}

/** Depth first, without recursion: networks are deeper than the call stack. */
function walk(loss: Tensor, wanted: (x: Tensor) => boolean) {
  const seen = new Set<Tensor>([loss]);
  /** Of what is needed. */
  const uses = new Map<Tensor, number>();
  const post: GraphStep[] = [];
  const stack: { x: Tensor; next: number }[] = [{ x: loss, next: 0 }];
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const { x } = top;
    const inputs = x.node?.inputs ?? [];
    if (top.next < inputs.length) {
      const input = inputs[top.next++];
      if (!input || seen.has(input)) continue;
      seen.add(input);
      stack.push({ x: input, next: 0 });
      continue;
    }
    stack.pop();
    let flows = false;
    for (const input of inputs) {
      const before = input && uses.get(input);
      if (!input || before === undefined) continue;
      uses.set(input, before + 1);
      flows = true;
    }
    if (!flows && !wanted(x)) continue;
    uses.set(x, 0);
    post.push({ x, node: flows ? x.node : undefined });
  }
  return { steps: post.reverse(), uses };
}
