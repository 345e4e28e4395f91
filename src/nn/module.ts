import type { Tensor } from "../tensor/tensor.js";
import { Parameter, Statistic } from "./parameter.js";

/**
 * A layer or a network. Its parameters, statistics and sub-modules are its own properties; their
 * names, joined by dots in the order of definition, are the names in a PyTorch state_dict.
 */
export abstract class Module {
  #training = true;

  abstract forward(x: Tensor): Tensor;

  /** True while batch norm uses batch statistics; see `train` and `eval`. */
  get training(): boolean {
    return this.#training;
  }

  /** Switches this module and everything in it to training mode. */
  train(): this {
    return this.#mode(true);
  }

  /** Switches this module and everything in it to evaluation mode. */
  eval(): this {
    return this.#mode(false);
  }

  /** Sub-modules by name, in order of definition. */
  children(): [string, Module][] {
    return Object.entries(this).filter((e): e is [string, Module] => e[1] instanceof Module);
  }

  /** All parameters by dotted name. */
  parameters(prefix = ""): [string, Parameter][] {
    return this.#owned(prefix).filter((e): e is [string, Parameter] => e[1] instanceof Parameter);
  }

  /** All statistics by dotted name. */
  statistics(prefix = ""): [string, Statistic][] {
    return this.#owned(prefix).filter((e): e is [string, Statistic] => e[1] instanceof Statistic);
  }

  /** This module and everything in it, by dotted name. */
  modules(prefix = ""): [string, Module][] {
    const own: [string, Module][] = [[prefix.replace(/\.$/, ""), this]];
    return own.concat(this.children().flatMap(([name, m]) => m.modules(`${prefix}${name}.`)));
  }

  /** The number of trained values, as PyTorch counts them (without padding). */
  get parameterCount(): number {
    return this.parameters().reduce((sum, [, p]) => sum + p.size, 0);
  }

  #mode(training: boolean): this {
    this.#training = training;
    for (const [, child] of this.children()) child.#mode(training);
    return this;
  }

  #owned(prefix: string): [string, Parameter | Statistic][] {
    const own = Object.entries(this).flatMap(([name, value]): [string, Parameter | Statistic][] =>
      value instanceof Parameter || value instanceof Statistic ? [[prefix + name, value]] : [],
    );
    return own.concat(this.children().flatMap(([name, m]) => m.#owned(`${prefix}${name}.`)));
  }
}

/** Modules applied one after the other, named "0", "1", ... */
export class Sequential extends Module {
  readonly #layers: readonly Module[];

  constructor(...layers: Module[]) {
    super();
    this.#layers = layers;
  }

  override children(): [string, Module][] {
    return this.#layers.map((layer, i) => [String(i), layer]);
  }

  forward(x: Tensor): Tensor {
    return this.#layers.reduce((y, layer) => layer.forward(y), x);
  }
}
