import { ModuleError } from "../device/errors.js";
import type { Tensor } from "../tensor/tensor.js";
import { heldBy } from "./held.js";
import { Parameter, Statistic } from "./parameter.js";

type Part = Module | Parameter | Statistic;

const isPart = (x: object): x is Part =>
  x instanceof Module || x instanceof Parameter || x instanceof Statistic;

/** More names than this for the parts of one model are no model's: its modules go in circles. */
const maxPaths = 100_000;

/**
 * A layer or a network. Its parameters, statistics and sub-modules are what its own properties hold,
 * also in arrays, maps, sets and plain objects; their names, joined by dots in the order of
 * definition, are the names in a PyTorch state_dict. Private #fields cannot be seen: a class that
 * holds modules there overrides `children` and adds them.
 *
 * What is held under two names is one part: it is listed under its first name.
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

  /** Notes the mode of this module and of everything in it; the result puts each back. */
  saveModes(): () => void {
    const modes = this.modules().map(([, module]) => [module, module.training] as const);
    return () => {
      for (const [module, training] of modes) module.#training = training;
    };
  }

  /** Sub-modules by name, in order of definition. */
  children(): [string, Module][] {
    return heldBy(this, isPart).filter((e): e is [string, Module] => e[1] instanceof Module);
  }

  /** Parameters, then statistics that are not a sub-module's, by name in order of definition. */
  own(): [string, Parameter | Statistic][] {
    const held = heldBy(this, isPart);
    const of = (kind: typeof Parameter | typeof Statistic) =>
      held.filter((e): e is [string, Parameter | Statistic] => e[1] instanceof kind);
    return [...of(Parameter), ...of(Statistic)];
  }

  /** All parameters by dotted name, each once. */
  parameters(prefix = ""): [string, Parameter][] {
    return this.#owned(prefix).filter((e): e is [string, Parameter] => e[1] instanceof Parameter);
  }

  /** All statistics by dotted name, each once. */
  statistics(prefix = ""): [string, Statistic][] {
    return this.#owned(prefix).filter((e): e is [string, Statistic] => e[1] instanceof Statistic);
  }

  /** This module and everything in it, by dotted name, each once. */
  modules(prefix = ""): [string, Module][] {
    const found = new Map<Module, string>();
    const visit = (path: string, module: Module): void => {
      if (found.has(module)) return;
      found.set(module, path);
      for (const [name, child] of module.children()) visit(join(path, name), child);
    };
    visit(prefix.replace(/\.$/, ""), this);
    return [...found].map(([module, path]) => [path, module]);
  }

  /**
   * As `modules`, but what is held under several names is listed under all of them. A module's way
   * back to one that holds it is no name.
   *
   * @throws ModuleError when there is no end of names
   */
  everyPath(): [string, Module][] {
    const found: [string, Module][] = [];
    const above = new Set<Module>();
    const visit = (path: string, module: Module): void => {
      if (above.has(module)) return;
      if (found.length === maxPaths) {
        throw new ModuleError(
          `${this.constructor.name}: its modules hold one another under more than ${maxPaths} ` +
            "names; keep references between modules in private #fields",
        );
      }
      found.push([path, module]);
      above.add(module);
      for (const [name, child] of module.children()) visit(join(path, name), child);
      above.delete(module);
    };
    visit("", this);
    return found;
  }

  /**
   * Parts that are held by objects of other classes, which are not searched, by the way to them; not
   * those that are held in a place that is searched too.
   */
  hiddenParts(): [string, Part][] {
    const modules = this.modules();
    const known = new Set<object>(modules.map(([, module]) => module));
    const hidden: [string, Part][] = [];
    for (const [path, module] of modules) {
      for (const [, part] of module.own()) known.add(part);
      heldBy(module, isPart, (name, other) => {
        for (const [key, value] of Object.entries(other)) {
          if (value instanceof Object && isPart(value)) {
            hidden.push([join(join(path, name), key), value]);
          }
        }
      });
    }
    return hidden.filter(([, part]) => !known.has(part));
  }

  /** The number of trained values, as PyTorch counts them (without padding). */
  get parameterCount(): number {
    return this.parameters().reduce((sum, [, p]) => sum + p.size, 0);
  }

  #mode(training: boolean): this {
    for (const [, module] of this.modules()) module.#training = training;
    return this;
  }

  #owned(prefix: string): [string, Parameter | Statistic][] {
    const found = new Map<Parameter | Statistic, string>();
    for (const [path, module] of this.modules(prefix)) {
      for (const [name, part] of module.own()) {
        if (!found.has(part)) found.set(part, join(path, name));
      }
    }
    return [...found].map(([part, name]) => [name, part]);
  }
}

const join = (path: string, name: string): string => (path === "" ? name : `${path}.${name}`);

/** A layer of `Sequential`: a module, or a function of a tensor. */
export type Layer = Module | ((x: Tensor) => Tensor);

/** Layers applied one after the other; modules are named by their places, "0", "1", ... */
export class Sequential extends Module {
  readonly #layers: readonly Layer[];

  /** @throws ModuleError when something is neither a module nor a function */
  constructor(...layers: Layer[]) {
    super();
    for (const [i, layer] of layers.entries()) {
      if (layer instanceof Module || typeof layer === "function") continue;
      throw new ModuleError(
        `Sequential: layer ${i} is neither a module nor a function of a tensor`,
      );
    }
    this.#layers = layers;
  }

  override children(): [string, Module][] {
    const layers = this.#layers.flatMap((layer, i): [string, Module][] =>
      layer instanceof Module ? [[String(i), layer]] : [],
    );
    return [...layers, ...super.children()];
  }

  forward(x: Tensor): Tensor {
    return this.#layers.reduce(
      (y, layer) => (layer instanceof Module ? layer.forward(y) : layer(y)),
      x,
    );
  }
}
