import { type HostEffect, hostEffect } from "../device/capture-log.js";
import type { Device } from "../device/device.js";
import { GradientError, ShapeError } from "../device/errors.js";
import type { Storage } from "../device/storage.js";
import { empty } from "../tensor/create.js";
import { beginEra, type GradientState } from "../tensor/leaf-gradient.js";
import { formatShape, sameShape } from "../tensor/shape.js";
import type { GradientNode, Tensor } from "../tensor/tensor.js";
import { Graph } from "./graph.js";
import { Lifetimes } from "./lifetimes.js";
import { noGrad, tracked } from "./recording.js";

export { noGrad, record, records, tracked } from "./recording.js";

export interface BackwardOptions {
  /**
   * Add to gradients that are already there instead of replacing them; what an optimizer's step
   * took is there no more. Default false.
   */
  accumulate?: boolean;
  /**
   * Release the results of inner ops as soon as the backward pass is done with them, instead of at
   * the end of the scope: the peak of a training step falls by about a third. Anything to be read
   * after the step must be kept, and the graph has no second backward pass. Default false.
   */
  release?: boolean;
}

/**
 * Back-propagates from a scalar and leaves d(loss)/d(leaf) in `leaf.grad` of every leaf with
 * `requiresGrad`. A leaf that has a gradient slot (parameters do) gets it filled in place. What the
 * loss does not reach has no gradient afterwards, unless `accumulate` leaves those that are there.
 *
 * @throws ShapeError unless the loss is a scalar
 * @throws GradientError when the loss depends on no leaf, or what an op saved was overwritten since
 * @throws ReleasedError when what an op saved was released, as a backward with `release` does
 */
export function backward(loss: Tensor, options: BackwardOptions = {}): void {
  const { accumulate = false, release = false } = options;
  const { device } = loss;
  const graph = new Graph("backward", loss, (x) => x.requiresGrad);
  if (!graph.needs(loss)) {
    throw new GradientError(
      "backward: the loss depends on nothing with requiresGrad; call withGrad() before the " +
        "forward pass, and do that outside of noGrad",
    );
  }
  graph.check();
  loss.checkLive("backward");
  const before = accumulate ? presentGradients(graph) : new Map<Tensor, Tensor>();
  const handOut = new HandOut();
  const found = new Map<Tensor, Tensor>();
  try {
    propagate(loss, graph, {
      release,
      // Only a leaf's sole use may write its slot directly; several uses are summed first.
      slot: (x) =>
        graph.uses(x) === 1 && x.requiresGrad && !before.has(x) ? x.gradient.slot : undefined,
      onGradient: (leaf, gradient) => {
        if (!leaf.requiresGrad) return;
        const sum = before.get(leaf);
        const value = sum ? added(sum, gradient) : gradient;
        // A sum stays where its first part is, whatever scope this is.
        const place = leaf.gradient.slot ?? sum;
        if (place && value !== place) copyInto(place, value);
        found.set(leaf, place ?? handOut.own(value));
      },
    });
  } catch (error) {
    hostEffect(device, () => beginEra(device)); // half of them is none
    throw error;
  }
  hostEffect(device, leaving(device, found, accumulate ? new Set(before.keys()) : undefined));
}

/** The gradients that leaves of the graph have. */
function presentGradients(graph: Graph): Map<Tensor, Tensor> {
  const present = new Map<Tensor, Tensor>();
  for (const { x } of graph.steps) {
    const gradient = x.requiresGrad ? x.gradient.unspent : undefined;
    gradient?.checkLive("backward with accumulate: true");
    if (gradient) present.set(x, gradient);
  }
  return present;
}

/** Makes what was found the leaves' gradients: with those that `sums` were added to, or alone. */
function leaving(
  device: Device,
  found: ReadonlyMap<Tensor, Tensor>,
  sums: ReadonlySet<Tensor> | undefined,
): HostEffect {
  return () => {
    for (const leaf of sums ? found.keys() : []) checkSum(leaf, sums?.has(leaf) ?? false);
    const states = [...found.keys()].map((leaf) => leaf.gradient.state);
    const endEra = sums ? undefined : beginEra(device);
    for (const [leaf, gradient] of found) leaf.gradient.leave(gradient);
    return () => {
      endEra?.();
      [...found.keys()].forEach((leaf, i) => {
        leaf.gradient.state = states[i] as GradientState<Tensor>;
      });
    };
  };
}

/** A recorded backward pass adds, or does not, as it did when it was recorded. */
function checkSum(leaf: Tensor, adds: boolean): void {
  if ((leaf.gradient.unspent !== undefined) === adds) return;
  throw new GradientError(
    `backward: a recorded backward with accumulate: true ${adds ? "adds to" : "replaces"} the ` +
      `gradient of ${leaf.describe()}, which has ${adds ? "none" : "one"} now; capture it where it will ` +
      "be replayed, after the same backward passes and steps",
  );
}

/**
 * d(loss)/d(x) for each x, as new tensors; `grad` stays untouched. Only what leads from the loss to
 * one of them is computed.
 *
 * @throws ShapeError unless the loss is a scalar
 * @throws GradientError when the loss does not depend on one of them, or as `backward`
 * @throws ReleasedError as `backward`
 */
export function gradients(loss: Tensor, wrt: readonly Tensor[]): Tensor[] {
  const wanted = new Set(wrt);
  const graph = new Graph("gradients", loss, (x) => wanted.has(x));
  const missing = wrt.findIndex((x) => !(graph.needs(x) && tracked(loss)));
  if (missing >= 0) throw independent(wrt, missing);
  graph.check();
  loss.checkLive("gradients");
  const handOut = new HandOut();
  const found = new Map<Tensor, Tensor>();
  propagate(loss, graph, {
    onGradient: (x, gradient) => {
      if (wanted.has(x)) found.set(x, handOut.own(gradient));
    },
  });
  return wrt.map((x, i) => {
    const gradient = found.get(x);
    if (!gradient) throw independent(wrt, i);
    return gradient;
  });
}

const independent = (wrt: readonly Tensor[], i: number): GradientError =>
  new GradientError(
    `gradients: the loss does not depend on input ${i} ${formatShape(wrt[i]?.shape ?? [])} ` +
      "through ops that have a gradient; call withGrad() on it before the forward pass",
  );

interface Propagation {
  release?: boolean;
  /** Where a gradient may be written instead of to fresh memory. */
  slot?: (x: Tensor) => Tensor | undefined;
  /** Hears the whole gradient of everything in the graph. */
  onGradient: (x: Tensor, gradient: Tensor) => void;
}

function propagate(loss: Tensor, graph: Graph, options: Propagation): void {
  const memory = options.release ? new Lifetimes(graph) : undefined;
  const pending = new Map<Tensor, Tensor>();
  const seed = empty(loss.device, loss.shape, loss.dtype, "gradient of the loss");
  loss.device.run("fill", { dst: seed.slice, value: 1 });
  memory?.take(seed);
  pending.set(loss, seed);

  noGrad(() => {
    for (const { x, node } of graph.steps) {
      const gradient = pending.get(x);
      pending.delete(x);
      if (!gradient) continue;
      options.onGradient(x, gradient);
      if (!node) continue;
      const results = node.backward(
        gradient,
        (i) => sinkOf(node, i, options),
        (i) => graph.needs(node.inputs[i]),
      );
      for (const [i, input] of node.inputs.entries()) {
        const part = results[i];
        if (!part || !graph.needs(input)) continue;
        checkPart(node, input, part);
        const before = pending.get(input);
        const sum = before ? added(before, part) : part;
        memory?.take(sum);
        if (before) memory?.drop(before);
        pending.set(input, sum);
      }
      if (!memory) continue;
      node.spent = true;
      memory.drop(gradient);
      for (const { tensor } of node.saved) memory.drop(tensor);
      memory.drop(x);
    }
  });
}

function sinkOf(node: GradientNode, i: number, { slot }: Propagation): Tensor {
  const input = node.inputs[i];
  if (!input) throw new GradientError(`${node.name}: no gradient of input ${i} is needed`);
  const { device, shape, dtype } = input;
  return slot?.(input) ?? empty(device, shape, dtype, `gradient for ${node.name}`);
}

function checkPart({ name }: GradientNode, input: Tensor, part: Tensor): void {
  if (sameShape(part.shape, input.shape) && part.dtype === input.dtype) return;
  throw new ShapeError(
    `${name}: gradient ${formatShape(part.shape)} ${part.dtype} for an input ` +
      `${formatShape(input.shape)} ${input.dtype}`,
  );
}

/** Gives every gradient memory of its own: an op may pass one on to several inputs. */
class HandOut {
  readonly #given = new Set<Storage>();

  own(gradient: Tensor): Tensor {
    const { storage } = gradient.slice;
    if (!this.#given.has(storage)) {
      this.#given.add(storage);
      return gradient.detach();
    }
    const { device, shape, dtype } = gradient;
    const copy = empty(device, shape, dtype, "gradient");
    copyInto(copy, gradient);
    return copy;
  }
}

function added(a: Tensor, b: Tensor): Tensor {
  const out = empty(a.device, a.shape, a.dtype, "sum of gradients");
  if (out.size === 0) return out;
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
  if (target.size > 0) target.device.run("copy", { src: source.slice, dst: target.slice });
}
