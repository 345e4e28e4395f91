import type { Storage } from "./storage.js";

// Engines without explicit resource management get the symbol that compiled `using` looks for.
const symbols = Symbol as { dispose?: symbol };
symbols.dispose ??= Symbol.for("Symbol.dispose");

/**
 * Owns what is allocated while it is the innermost scope of its device. `using scope =
 * device.scope()` releases all of it at the end of the block, except what was kept.
 * A scope covers synchronous code: close it before the next `await` that runs other device code.
 */
export class Scope implements Disposable {
  readonly #owned = new Set<Storage>();
  readonly #stack: Scope[];
  readonly #release: (storage: Storage) => void;
  #closed = false;

  /** For devices; users call `device.scope()`. */
  constructor(stack: Scope[], release: (storage: Storage) => void) {
    this.#stack = stack;
    this.#release = release;
    stack.push(this);
  }

  own(storage: Storage): void {
    this.#owned.add(storage);
  }

  disown(storage: Storage): boolean {
    return this.#owned.delete(storage);
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    if (this.#stack.at(-1) !== this) {
      throw new Error(
        "a scope was closed while a scope opened inside it was still open; close the inner one first",
      );
    }
    this.#closed = true;
    this.#stack.pop();
    for (const storage of this.#owned) this.#release(storage);
    this.#owned.clear();
  }
}
