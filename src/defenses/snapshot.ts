import { noGrad } from "../autograd/tape.js";
import type { Module } from "../nn/module.js";
import { flatValues, viewValues, withValues } from "../nn/values.js";
import { affine } from "../ops/elementwise.js";
import type { Tensor } from "../tensor/tensor.js";

/** A model as it was when this was made: a second network without a second module. */
export class Snapshot {
  readonly #model: Module;
  readonly #values: readonly Tensor[];

  constructor(model: Module) {
    this.#model = model;
    const copy = (which: "parameters" | "statistics"): Tensor =>
      noGrad(() => affine(flatValues(model, which), 1)).keep();
    this.#values = [copy("parameters"), copy("statistics")];
  }

  /** Runs `body` with the model as it was, in evaluation mode. */
  run<T>(body: () => T): T {
    const [parameters, statistics] = this.#values as [Tensor, Tensor];
    const values = new Map([
      ...viewValues(this.#model, parameters),
      ...viewValues(this.#model, statistics, "statistics"),
    ]);
    const restoreModes = this.#model.saveModes();
    this.#model.eval();
    try {
      return withValues(this.#model, values, body);
    } finally {
      restoreModes();
    }
  }

  release(): void {
    for (const value of this.#values) value.release();
  }
}
