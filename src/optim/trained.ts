import { hostEffect } from "../device/capture-log.js";
import { GradientError, ModuleError } from "../device/errors.js";
import type { Slice } from "../device/storage.js";
import type { Module } from "../nn/module.js";
import { flatLength, type Placement, placedSlice, placementOf } from "../nn/place.js";
import type { GradientState } from "../tensor/leaf-gradient.js";
import type { Tensor } from "../tensor/tensor.js";

/** The same stretch of the flat parameters and of their gradients. */
export interface Range {
  readonly params: Slice;
  readonly grads: Slice;
}

/** A part of a range. */
export interface Stretch extends Range {
  /** Which range it is part of. */
  readonly range: number;
  /** The stretch of what an optimizer keeps for that range. */
  within(state: Slice): Slice;
}

interface Trained {
  readonly name: string;
  readonly value: Tensor;
  readonly range: number;
}

/**
 * What is trainable of a placed model when this is made, and which of it has a gradient: a step
 * leaves the rest as it is.
 */
export class TrainedParameters {
  /** All of it, as few stretches of the flat memory as possible. */
  readonly ranges: readonly Range[];
  readonly #optimizer: string;
  readonly #model: Module;
  readonly #placement: Placement;
  readonly #parameters: readonly Trained[];

  /**
   * `optimizer` is its name, in errors.
   *
   * @throws RangeError when nothing is trainable
   */
  constructor(model: Module, optimizer: string) {
    this.#optimizer = optimizer;
    this.#model = model;
    this.#placement = placementOf(model);
    const parameters: Trained[] = [];
    let range = -1;
    let end = -1;
    for (const [name, p] of model.parameters()) {
      const { offset, length } = placedSlice([name, p], this.#placement.values);
      if (!p.trainable) continue;
      if (offset !== end) range++;
      end = offset + flatLength(length);
      parameters.push({ name, value: p.own, range });
    }
    if (parameters.length === 0) {
      throw new RangeError(`${optimizer}: the model has nothing trainable`);
    }
    this.#parameters = parameters;
    this.ranges = this.stretches(parameters.map((_, n) => n));
  }

  /** How many parameters are trained. */
  get count(): number {
    return this.#parameters.length;
  }

  /**
   * Takes the gradients there are, once each: the numbers of the parameters that have one. A recorded
   * step takes the same ones at every replay.
   *
   * @throws GradientError when there is none, or a replay finds others than were recorded
   * @throws ModuleError when the model was placed anew
   */
  take(): number[] {
    if (placementOf(this.#model) !== this.#placement) {
      throw new ModuleError(
        `${this.#optimizer}: the model was placed anew since; make a new optimizer`,
      );
    }
    const taken = this.#unspent();
    if (taken.length === 0) throw this.#noGradient();
    hostEffect(this.#placement.device, () => {
      const found = this.#unspent();
      if (found.length !== taken.length || found.some((n, i) => n !== taken[i])) {
        throw this.#otherGradients(taken, found);
      }
      const gradients = taken.map((n) => this.#at(n).value.gradient);
      const states = gradients.map(({ state }) => state);
      for (const gradient of gradients) gradient.spend();
      return () => {
        gradients.forEach((gradient, i) => {
          gradient.state = states[i] as GradientState<Tensor>;
        });
      };
    });
    return taken;
  }

  /** The parameters of these numbers, which rise, as few stretches as possible. */
  stretches(numbers: readonly number[]): Stretch[] {
    const runs: { from: number; to: number }[] = [];
    for (const n of numbers) {
      const run = runs.at(-1);
      if (run?.to === n - 1 && this.#at(n - 1).range === this.#at(n).range) run.to = n;
      else runs.push({ from: n, to: n });
    }
    return runs.map(({ from, to }) => this.#stretch(this.#at(from), this.#at(to)));
  }

  #stretch({ range, value: first }: Trained, { value: last }: Trained): Stretch {
    const { values, gradients } = this.#placement;
    const start = this.#parameters.find((p) => p.range === range)?.value.slice.offset ?? 0;
    const { offset } = first.slice;
    const length = last.slice.offset + last.slice.length - offset;
    return {
      range,
      params: { ...values, offset, length },
      grads: { ...gradients, offset, length },
      within: (state) => ({ ...state, offset: state.offset + offset - start, length }),
    };
  }

  #at(n: number): Trained {
    return this.#parameters[n] as Trained;
  }

  #unspent(): number[] {
    const numbers: number[] = [];
    for (const [n, { value }] of this.#parameters.entries()) {
      if (value.gradient.unspent) numbers.push(n);
    }
    return numbers;
  }

  #noGradient(): GradientError {
    const spent = this.#parameters.some(({ value }) => value.grad);
    return new GradientError(
      `${this.#optimizer}: step: ` +
        (spent
          ? "a step took the gradients already; call backward between two steps"
          : "none of the parameters has a gradient: call backward first, on a loss that depends " +
            "on them; a later backward without accumulate: true drops the gradients before it"),
    );
  }

  #otherGradients(taken: readonly number[], found: readonly number[]): GradientError {
    const differs = (n: number): boolean => taken.includes(n) !== found.includes(n);
    const { name = "" } = this.#parameters.find((_, n) => differs(n)) ?? {};
    return new GradientError(
      `${this.#optimizer}: a recorded step ${found.length < taken.length ? "needs" : "leaves out"} ` +
        `the gradient of ${name}, which ${found.length < taken.length ? "has none" : "has one"} ` +
        "now; replay it after the backward pass it was recorded after, or capture it again",
    );
  }
}
