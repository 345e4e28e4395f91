import type { Storage } from "../device/storage.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Graph } from "./graph.js";

/**
 * Counts who still needs a block of memory during a backward pass that releases: the results in
 * the graph, what nodes saved, and the gradients on their way. Views share blocks, so blocks are
 * counted, not tensors. Only what the graph's ops and the pass itself made is released.
 */
export class Lifetimes {
  readonly #needs = new Map<Storage, number>();
  readonly #own = new Set<Storage>();

  constructor(graph: Graph) {
    for (const { x, node } of graph.steps) {
      this.#take(x);
      if (x.node) this.#own.add(x.slice.storage);
      for (const { tensor } of node?.saved ?? []) this.#take(tensor);
    }
  }

  /** Notes a gradient; its memory is new, or is one of those in the graph. */
  take(gradient: Tensor): void {
    const { storage } = gradient.slice;
    if (!this.#needs.has(storage)) this.#own.add(storage);
    this.#take(gradient);
  }

  drop(x: Tensor): void {
    const { storage } = x.slice;
    const needs = (this.#needs.get(storage) ?? 1) - 1;
    this.#needs.set(storage, needs);
    if (needs === 0 && this.#own.has(storage) && storage.live && !storage.kept) x.release();
  }

  #take({ slice: { storage } }: Tensor): void {
    this.#needs.set(storage, (this.#needs.get(storage) ?? 0) + 1);
  }
}
