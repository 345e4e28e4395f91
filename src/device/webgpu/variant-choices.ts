import type { KernelChoice, VariantMap, VariantNotes } from "../choices.js";
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
  /** What runs in place of anything tuned or forced. */
  #used: ReadonlyMap<string, string> | undefined;
  readonly #notes = new Set<Map<string, { variant: string; preset: string }>>();
  #observed: Map<string, Tunable> | undefined;

  constructor(forced: VariantMap = {}) {
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
    if (this.#used) return this.#used.get(shapeClass);
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

  /** Runs these and presets elsewhere, until disposed. */
  use(variants: VariantMap): Disposable {
    const before = this.#used;
    this.#used = new Map(Object.entries(variants));
    return {
      [Symbol.dispose]: () => {
        this.#used = before;
      },
    };
  }

  /** Notes what runs from now on, until disposed. */
  note(): VariantNotes {
    const ran = new Map<string, { variant: string; preset: string }>();
    this.#notes.add(ran);
    return { ran, [Symbol.dispose]: () => this.#notes.delete(ran) };
  }

  ran(shapeClass: string, variant: string, preset: string): void {
    for (const notes of this.#notes) {
      // Presets go by exact shapes: a variant may be the preset of only some calls of its class.
      if (variant !== preset || !notes.has(shapeClass)) notes.set(shapeClass, { variant, preset });
    }
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
      const tuned = !this.#used && this.#tuned.has(shapeClass);
      return {
        shapeClass,
        variant: choice ?? preset,
        reason: tuned ? "tuned" : choice === undefined ? "preset" : "forced",
        variants: names,
      };
    });
  }
}
