import type { KernelChoice } from "../choices.js";
import type { Tunable, Variants } from "./lowering.js";

/**
 * The variants chosen so far, by shape class: those measured, and those forced, where the first
 * word of a class (its operation) and "*" stand for all classes that are not listed.
 */
export class VariantChoices implements Variants {
  readonly #forced: ReadonlyMap<string, string>;
  readonly #tuned = new Map<string, string>();
  /** Tuned classes whose variant is known to exist; a store may be older than the kernels. */
  readonly #checked = new Set<string>();
  #observed: Map<string, Tunable> | undefined;

  constructor(forced: Readonly<Record<string, string>> = {}) {
    this.#forced = new Map(Object.entries(forced));
  }

  choose(shapeClass: string, describe: () => Tunable): string | undefined {
    if (this.#observed && !this.#observed.has(shapeClass)) {
      this.#observed.set(shapeClass, describe());
    }
    const tuned = this.#tuned.get(shapeClass);
    if (tuned !== undefined && !this.#checked.has(shapeClass)) {
      if (describe().names.includes(tuned)) this.#checked.add(shapeClass);
      else this.#tuned.delete(shapeClass);
    }
    return this.#choice(shapeClass);
  }

  #choice(shapeClass: string): string | undefined {
    const [operation = ""] = shapeClass.split(" ", 1);
    const forced = this.#forced;
    return (
      this.#tuned.get(shapeClass) ??
      forced.get(shapeClass) ??
      forced.get(operation) ??
      forced.get("*")
    );
  }

  set(shapeClass: string, variant: string): void {
    this.#tuned.set(shapeClass, variant);
  }

  /** The calls with variants that `body` makes, one of each shape class. */
  observe(body: () => void): Tunable[] {
    this.#observed = new Map();
    try {
      body();
      return [...this.#observed.values()];
    } finally {
      this.#observed = undefined;
    }
  }

  /** What runs where `body` makes calls with variants. */
  explain(body: () => void): KernelChoice[] {
    return this.observe(body).map(({ shapeClass, names, preset }) => {
      const choice = this.#choice(shapeClass);
      const tuned = this.#tuned.has(shapeClass);
      return {
        shapeClass,
        variant: choice ?? preset,
        reason: tuned ? "tuned" : choice === undefined ? "preset" : "forced",
        variants: names,
      };
    });
  }
}
