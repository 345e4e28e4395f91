import type { Linear } from "../nn/layers.js";
import { Module } from "../nn/module.js";
import type { Tensor } from "../tensor/tensor.js";

/** An image classifier: a feature extractor phi and one linear head, logits = head(phi(x)). */
export abstract class Classifier extends Module {
  /** The last linear layer: the one that FST re-draws. */
  abstract readonly head: Linear;

  /** Classes that it tells apart. */
  get classes(): number {
    return this.head.outFeatures;
  }

  /** The only size of images that it takes; undefined for a model that takes any. */
  get inputSize(): { readonly height: number; readonly width: number } | undefined {
    return undefined;
  }

  /** Images [n, h, w, 4] to features [n, d], the head's input. */
  abstract features(x: Tensor): Tensor;

  forward(x: Tensor): Tensor {
    return this.head.forward(this.features(x));
  }

  /** The dotted name of the head, e.g. "linear". */
  get headName(): string {
    const found = this.modules().find(([, module]) => module === this.head);
    if (!found) throw new Error("the classifier's head is not one of its modules");
    return found[0];
  }
}
