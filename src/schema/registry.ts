import { OptionError } from "../device/errors.js";
import { nearest } from "../device/options.js";
import type { Fields } from "./schema.js";
import type { Settings } from "./settings.js";

/** What a thing that people choose by name says of itself. */
export interface Definition<F extends Fields = Fields> {
  /** Its name on the command line and in records: small letters, digits and hyphens. */
  readonly name: string;
  /** Its name in tables. */
  readonly title: string;
  /** One line on what it does. */
  readonly doc: string;
  /** Where it comes from: authors, year, number. */
  readonly source: string;
  readonly options: Settings<F>;
}

/** All things of a kind, by name. */
export class Registry<D extends Definition> implements Iterable<D> {
  /** What they are, in messages: "attack". */
  readonly what: string;
  readonly #known = new Map<string, D>();

  constructor(what: string, definitions: readonly D[]) {
    this.what = what;
    for (const definition of definitions) this.add(definition);
  }

  get names(): string[] {
    return [...this.#known.keys()];
  }

  /** @throws OptionError when the name is taken or not fit for one */
  add(definition: D): void {
    const { name } = definition;
    if (!/^[a-z][a-z0-9-]*$/.test(name) || name === "none") {
      throw new OptionError(
        `the ${this.what} "${name}" needs a name of small letters, digits and hyphens`,
      );
    }
    if (this.#known.has(name)) throw new OptionError(`there is a ${this.what} "${name}" already`);
    this.#known.set(name, definition);
  }

  find(name: unknown): D | undefined {
    return this.#known.get(name as string);
  }

  /**
   * @param others words that may stand for a name, for the message
   * @throws OptionError when there is none of that name
   */
  get(name: string, others: readonly string[] = []): D {
    const found = this.find(name);
    if (found) return found;
    const names = [...this.names, ...others];
    const near = nearest(name, names);
    throw new OptionError(
      `there is no ${this.what} "${name}"; there are ${names.join(", ")}` +
        (near ? `; did you mean ${near}?` : ""),
    );
  }

  [Symbol.iterator](): Iterator<D> {
    return this.#known.values();
  }
}
