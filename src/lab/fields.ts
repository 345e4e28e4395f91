/** A value in a file that is not what the format says. */
export class FormatError extends Error {
  override name = "FormatError";
}

/**
 * Reads an object that came from JSON field by field. Every error names the place, what is there
 * and what was expected; fields that nobody asked for are left alone.
 */
export class Fields {
  readonly #values: Record<string, unknown>;
  readonly #path: string;

  /** @param path where the value stands, for error messages: "record.json" or "record.json: data" */
  constructor(value: unknown, path: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new FormatError(`${path} must be an object, not ${shown(value)}`);
    }
    this.#values = value as Record<string, unknown>;
    this.#path = path;
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined && this.#values[name] !== null;
  }

  isText(name: string): boolean {
    return typeof this.#values[name] === "string";
  }

  string(name: string): string {
    return this.#expect(name, "a string", (v): v is string => typeof v === "string");
  }

  number(name: string): number {
    return this.#expect(name, "a finite number", (v): v is number => Number.isFinite(v));
  }

  /** An integer of at least `low`. */
  integer(name: string, low = 0): number {
    return this.#expect(
      name,
      `an integer of at least ${low}`,
      (v): v is number => Number.isSafeInteger(v) && (v as number) >= low,
    );
  }

  /** A number in 0 .. 1. */
  share(name: string): number {
    const inside = (v: unknown): v is number => typeof v === "number" && v >= 0 && v <= 1;
    return this.#expect(name, "a number in 0 .. 1", inside);
  }

  boolean(name: string): boolean {
    return this.#expect(name, "true or false", (v): v is boolean => typeof v === "boolean");
  }

  oneOf<T extends string | number>(name: string, allowed: readonly T[]): T {
    return this.#expect(
      name,
      `one of ${allowed.map((a) => JSON.stringify(a)).join(", ")}`,
      (v): v is T => allowed.includes(v as T),
    );
  }

  /** A SHA-256 in lower-case hex. */
  hash(name: string): string {
    const isHash = (v: unknown): v is string => typeof v === "string" && /^[0-9a-f]{64}$/.test(v);
    return this.#expect(name, "64 hexadecimal digits", isHash);
  }

  object(name: string): Fields {
    return new Fields(this.#values[name], `${this.#path}: ${name}`);
  }

  strings(name: string): string[] {
    const all = (v: unknown): v is string[] =>
      Array.isArray(v) && v.every((item) => typeof item === "string");
    return this.#expect(name, "a list of strings", all);
  }

  /** One Fields for every item of a list of objects. */
  list(name: string): Fields[] {
    const items = this.#expect(name, "a list", Array.isArray);
    return items.map((item, i) => new Fields(item, `${this.#path}: ${name}[${i}]`));
  }

  /** The object's fields, each read by `read` under its name. */
  entries<T>(name: string, read: (fields: Fields, key: string) => T): Record<string, T> {
    const inner = this.object(name);
    return Object.fromEntries(Object.keys(inner.#values).map((key) => [key, read(inner, key)]));
  }

  #expect<T>(name: string, expected: string, is: (value: unknown) => value is T): T {
    const value = this.#values[name];
    if (!is(value)) {
      throw new FormatError(`${this.#path}: ${name} must be ${expected}, not ${shown(value)}`);
    }
    return value;
  }
}

function shown(value: unknown): string {
  if (value === undefined) return "missing";
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
