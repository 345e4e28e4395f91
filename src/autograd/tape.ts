import { ShapeError } from "../device/errors.js";
import type { Storage } from "../device/storage.js";
import { empty } from "../tensor/create.js";
import { formatShape, sameShape } from "../tensor/shape.js";
import type { GradientNode, Tensor } from "../tensor/tensor.js";

let recording = true;

/** Runs `body` without recording: results have no gradient graph. */
export function noGrad<T>(body: () => T): T {
  const before = recording;
  recording = false;
  try {
    return body();
  } finally {
    recording = before;
  }
}

/** True where an op on these inputs would be recorded for a backward pass. */
export const records = (inputs: readonly Tensor[]): boolean => recording && inputs.some(tracked);

/** True if a gradient will be asked of this tensor. */
export const tracked = (x: Tensor): boolean => x.requiresGrad || x.node !== undefined;

/**
 * Ends an op: remembers how `out` was made, if gradients are being recorded and an input is
 * tracked. Ops call this last.
 */
export function record(
  name: string,
  out: Tensor,
  inputs: readonly Tensor[],
  backward: GradientNode["backward"],
): Tensor {
  if (records(inputs)) out.node = { name, inputs, backward };
  return out;
}

export interface BackwardOptions {
  /** Add to gradients that are already there instead of replacing them. Default false. */
  accumulate?: boolean;
  /**
   * Release the results of inner ops as soon as the backward pass is done with them, instead of at
   * the end of the scope: the peak of a training step falls by about a third. Anything to be read
   * after the step must be kept. Default false.
   */
  release?: boolean;
}

/**
 * Back-propagates from a scalar and leaves d(loss)/d(leaf) in `leaf.grad` of every leaf with
 * `requiresGrad`. A leaf that has a gradient slot (parameters do) gets it filled in place.
 */
export function backward(loss: Tensor, options: BackwardOptions = {}): void {
  propagate(loss, options, (leaf, gradient, written) => {
    if (written) return;
    const slot = leaf.grad?.live ? leaf.grad : undefined;
    if (slot && options.accumulate) copyInto(slot, added(slot, gradient));
    else if (slot) copyInto(slot, gradient);
    else leaf.grad = gradient.detach();
  });
}

/** d(loss)/d(x) for each x, as new tensors; `grad` slots stay untouched. */
export function gradients(loss: Tensor, wrt: readonly Tensor[]): Tensor[] {
  const found = new Map<Tensor, Tensor>();
  propagate(loss, {}, undefined, (x, gradient) => {
    if (wrt.includes(x)) found.set(x, gradient);
  });
  return wrt.map((x, i) => {
    const gradient = found.get(x);
    if (!gradient) {
      throw new ShapeError(
        `gradients: the loss does not depend on input ${i} ${formatShape(x.shape)}; ` +
          "call withGrad() on it before the forward pass",
      );
    }
    return gradient;
  });
}

type Leaf = (leaf: Tensor, gradient: Tensor, written: boolean) => void;

function propagate(
  loss: Tensor,
  options: BackwardOptions,
  onLeaf?: Leaf,
  onGradient?: (x: Tensor, gradient: Tensor) => void,
): void {
  if (loss.size !== 1) {
    throw new ShapeError(
      `backward: needs a scalar loss, the shape is ${formatShape(loss.shape)}; take sum or mean first`,
    );
  }
  if (!tracked(loss)) {
    throw new ShapeError("backward: the loss depends on nothing with requiresGrad");
  }
  const order = topologicalOrder(loss);
  const uses = countUses(order);
  const memory = new Lifetimes(order);
  const pending = new Map<Tensor, Tensor>();
  const filled = new Set<Tensor>();
  const seed = empty(loss.device, loss.shape, loss.dtype, "gradient of the loss");
  loss.device.run("fill", { dst: seed.slice, value: 1 });
  memory.take(seed);
  pending.set(loss, seed);

  noGrad(() => {
    for (const x of order) {
      const gradient = pending.get(x);
      pending.delete(x);
      if (!gradient) continue;
      onGradient?.(x, gradient);
      const node = x.node;
      if (!node) {
        onLeaf?.(x, gradient, filled.has(x));
        continue;
      }
      const results = node.backward(gradient, (i) => {
        const input = node.inputs[i] as Tensor;
        const slot = input.grad?.live ? input.grad : undefined;
        // Only a leaf's sole use may write its slot directly; several uses are summed first.
        const direct =
          onLeaf && slot && !input.node && uses.get(input) === 1 && !options.accumulate;
        if (!direct) {
          return empty(input.device, input.shape, input.dtype, `gradient for ${node.name}`);
        }
        filled.add(input);
        return slot;
      });
      node.inputs.forEach((input, i) => {
        const part = results[i];
        if (!part || !tracked(input)) return;
        if (!sameShape(part.shape, input.shape) || part.dtype !== input.dtype) {
          throw new ShapeError(
            `${node.name}: gradient ${formatShape(part.shape)} ${part.dtype} for an input ` +
              `${formatShape(input.shape)} ${input.dtype}`,
          );
        }
        const before = pending.get(input);
        const sum = before ? added(before, part) : part;
        memory.take(sum);
        if (before && options.release) memory.drop(before);
        pending.set(input, sum);
      });
      if (options.release) {
        memory.drop(gradient);
        memory.drop(x);
      }
    }
  });
}

/**
 * Counts who still needs a block of memory during a backward pass: the values of the graph and the
 * gradients on their way. Views share blocks, so blocks are counted, not tensors.
 */
class Lifetimes {
  readonly #needs = new Map<Storage, number>();

  constructor(order: readonly Tensor[]) {
    for (const x of order) this.take(x);
  }

  take(x: Tensor): void {
    this.#needs.set(x.slice.storage, (this.#needs.get(x.slice.storage) ?? 0) + 1);
  }

  drop(x: Tensor): void {
    const storage = x.slice.storage;
    const needs = (this.#needs.get(storage) ?? 1) - 1;
    this.#needs.set(storage, needs);
    if (needs === 0 && storage.live && !storage.kept) x.release();
  }
}

function topologicalOrder(root: Tensor): Tensor[] {
  const seen = new Set<Tensor>();
  const post: Tensor[] = [];
  const stack: { x: Tensor; next: number }[] = [{ x: root, next: 0 }];
  seen.add(root);
  while (stack.length > 0) {
    const top = stack[stack.length - 1] as { x: Tensor; next: number };
    const input = top.x.node?.inputs[top.next++];
    if (!input) {
      post.push(top.x);
      stack.pop();
    } else if (tracked(input) && !seen.has(input)) {
      seen.add(input);
      stack.push({ x: input, next: 0 });
    }
  }
  return post.reverse();
}

function countUses(order: readonly Tensor[]): Map<Tensor, number> {
  const uses = new Map<Tensor, number>();
  for (const x of order) {
    for (const input of x.node?.inputs ?? []) uses.set(input, (uses.get(input) ?? 0) + 1);
  }
  return uses;
}

function added(a: Tensor, b: Tensor): Tensor {
  const out = empty(a.device, a.shape, a.dtype, "sum of gradients");
  const strides = [1];
  out.device.run("elementwise", {
    kernel: "add",
    inputs: [
      { slice: a.slice, strides },
      { slice: b.slice, strides },
    ],
    out: out.slice,
    shape: [out.size],
    scalars: [0, 0],
  });
  return out;
}

function copyInto(target: Tensor, source: Tensor): void {
  target.device.run("copy", { src: source.slice, dst: target.slice });
}
