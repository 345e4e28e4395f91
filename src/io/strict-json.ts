import { describe } from "./describe.js";
import { FileFormatError } from "./file-format-error.js";
import { COST, type ReadBudget } from "./read-budget.js";

/** JSON's values; objects are Maps, so that no name means anything but itself. */
export type Json = null | boolean | number | string | readonly Json[] | ReadonlyMap<string, Json>;

const DEEPEST = 32;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
/** A literal up to its quote; JSON.parse reads its escapes and refuses what is none. */
const STRING = /"(?:[^"\\]|\\.)*"/sy;
const SPACE = /[ \t\n\r]*/y;

/**
 * Reads JSON, stricter than JSON.parse: a name that stands twice in an object is an error, as is
 * nesting beyond 32 levels, and what is read is charged to the file's budget.
 * @param what the text's name in messages
 * @throws FileFormatError with the place, in characters
 */
export function parseJson(text: string, what: string, budget: ReadBudget): Json {
  const reader = new JsonReader(text, what, budget);
  const value = reader.value(0);
  reader.end();
  return value;
}

class JsonReader {
  readonly #text: string;
  readonly #what: string;
  readonly #budget: ReadBudget;
  #at = 0;

  constructor(text: string, what: string, budget: ReadBudget) {
    this.#text = text;
    this.#what = what;
    this.#budget = budget;
  }

  value(depth: number): Json {
    if (depth > DEEPEST) this.#fail(`is nested more than ${DEEPEST} levels deep`);
    this.#budget.step();
    this.#match(SPACE);
    switch (this.#text[this.#at]) {
      case "{":
        return this.#object(depth);
      case "[":
        return this.#list(depth);
      case '"':
        return this.#string();
    }
    for (const [word, value] of [
      ["null", null],
      ["true", true],
      ["false", false],
    ] as const) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    }
    const number = this.#match(NUMBER);
    if (number === "") this.#fail("is not JSON: no value");
    this.#budget.allocate(COST.value, this.#what);
    return Number(number);
  }

  end(): void {
    this.#match(SPACE);
    if (this.#at < this.#text.length) this.#fail("is not JSON: it goes on after its end");
  }

  #object(depth: number): Json {
    this.#budget.allocate(COST.dict, this.#what);
    const entries = new Map<string, Json>();
    this.#at++;
    if (this.#next("}")) return entries;
    do {
      this.#match(SPACE);
      const name = this.#string();
      if (entries.has(name)) this.#fail(`has ${describe(name)} twice`);
      if (!this.#next(":")) this.#fail(`is not JSON: no colon after ${describe(name)}`);
      this.#budget.allocate(COST.item, this.#what);
      entries.set(name, this.value(depth + 1));
    } while (this.#next(","));
    if (!this.#next("}")) this.#fail("is not JSON: no , or } after an entry");
    return entries;
  }

  #list(depth: number): Json {
    this.#budget.allocate(COST.list, this.#what);
    const items: Json[] = [];
    this.#at++;
    if (this.#next("]")) return items;
    do items.push(this.value(depth + 1));
    while (this.#next(","));
    if (!this.#next("]")) this.#fail("is not JSON: no , or ] after an item");
    return items;
  }

  #string(): string {
    const literal = this.#match(STRING);
    this.#budget.allocate(COST.string + 2 * literal.length, this.#what);
    try {
      return JSON.parse(literal);
    } catch {
      this.#at -= literal.length;
      return this.#fail("is not JSON: no proper string");
    }
  }

  /** Passes over a sign where it is the next; true if it is. */
  #next(sign: string): boolean {
    this.#match(SPACE);
    if (this.#text[this.#at] !== sign) return false;
    this.#at++;
    return true;
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? "";
    this.#at += found.length;
    return found;
  }

  #fail(what: string): never {
    throw new FileFormatError(`${this.#what} ${what} at character ${this.#at}; it is damaged`, {
      position: this.#at,
    });
  }
}
