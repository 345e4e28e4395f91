import { FileFormatError } from "./file-format-error.js";

/**
 * A pickle's stack. Marks are places in it, kept apart: a mark is no value and cannot become one, and
 * nothing is taken from beneath the last mark.
 */
export class PickleStack {
  readonly #values: unknown[] = [];
  readonly #marks: number[] = [];

  push(value: unknown): void {
    this.#values.push(value);
  }

  mark(): void {
    this.#marks.push(this.#values.length);
  }

  pop(): unknown {
    this.#need(1);
    return this.#values.pop();
  }

  top(): unknown {
    this.#need(1);
    return this.#values.at(-1);
  }

  /** The last `count` values, in order. */
  take(count: number): unknown[] {
    this.#need(count);
    return this.#values.splice(-count);
  }

  /** The values down to the last mark, in order; the mark goes. */
  toMark(): unknown[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw damaged("goes back to a mark that is not there");
    return this.#values.splice(mark);
  }

  /** What POP takes: the last value, or the mark where nothing lies on it. */
  drop(): void {
    if (this.#values.length === this.#marks.at(-1)) this.#marks.pop();
    else this.pop();
  }

  /** The one value that is left at the end. */
  result(): unknown {
    if (this.#values.length !== 1 || this.#marks.length > 0) {
      throw damaged(`ends with ${this.#values.length} values, not one`);
    }
    return this.pop();
  }

  #need(count: number): void {
    if (this.#values.length - (this.#marks.at(-1) ?? 0) < count) {
      throw damaged("takes from an empty stack");
    }
  }
}

export function damaged(what: string): FileFormatError {
  return new FileFormatError(`pickle: the program ${what}; the file is damaged`);
}
