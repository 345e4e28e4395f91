import { OptionError } from "./errors.js";

/**
 * Which options there are and what each may be, held against the options' type by the compiler: no
 * name too many, none missing. "checked" stands for what is checked where it is used (tensors, sizes,
 * functions); "!" for what must be given.
 */
export type OptionTable<O extends object> = {
  readonly [K in keyof O]-?: Partial<Pick<O, K>> extends Pick<O, K>
    ? KindOf<Exclude<O[K], undefined>>
    : `${KindOf<O[K]> & string}!`;
};

type KindOf<V> = [V] extends [boolean]
  ? "boolean"
  : [V] extends [number]
    ? "number" | "checked"
    : [string] extends [V]
      ? "string"
      : [V] extends [string]
        ? readonly V[]
        : "checked";

/**
 * Refuses options that do not exist, values that are not of their kind and gaps, all of which
 * JavaScript would ignore or convert. An option that is `undefined` counts as not given.
 *
 * @param of whose options they are, for the message
 * @throws OptionError that names the option, its value and what there is
 */
export function checkOptions<O extends object>(
  of: string,
  options: O,
  table: OptionTable<O>,
): void {
  if (typeof options !== "object" || options === null) {
    throw new OptionError(
      `${of}: its options must be an object of ${listed(Object.keys(table))}, not ${shown(options)}`,
    );
  }
  // Inherited ones are read as well.
  for (const name in options) {
    if (Object.hasOwn(table, name) || options[name] === undefined) continue;
    throw new OptionError(unknown(of, name, options[name], table));
  }
  for (const name in table) {
    const [value, kind]: [unknown, unknown] = [options[name], table[name]];
    if (value === undefined ? !isRequired(kind) : isOf(kind, value)) continue;
    throw new OptionError(`${of}: ${name} must be ${wanted(kind)}, not ${shown(value)}`);
  }
}

/** Those of `options` that the table has: what one call hands on of its own options to another. */
export function pickOptions<O extends object>(options: O, table: OptionTable<O>): O {
  const names = Object.keys(table) as (keyof O)[];
  const given = names.filter((name) => options[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, options[name]])) as O;
}

const isRequired = (kind: unknown): boolean => typeof kind === "string" && kind.endsWith("!");

function isOf(kind: unknown, value: unknown): boolean {
  if (Array.isArray(kind)) return kind.includes(value);
  const type = isRequired(kind) ? String(kind).slice(0, -1) : kind;
  if (type === "number") return Number.isFinite(value);
  return type === "checked" || typeof value === type;
}

function unknown(of: string, name: string, value: unknown, table: object): string {
  const names = Object.keys(table);
  const near = nearest(name, names);
  const guess = near ? `; did you mean ${near}?` : "";
  return `${of} has no option ${name} (${shown(value)}); it has ${listed(names)}${guess}`;
}

function wanted(kind: unknown): string {
  if (Array.isArray(kind)) return `one of ${kind.map((k) => JSON.stringify(k)).join(", ")}`;
  const phrases: Readonly<Record<string, string>> = {
    boolean: "true or false",
    number: "a finite number",
    string: "a text",
  };
  return phrases[String(kind).replace("!", "")] ?? "given";
}

const listed = (names: readonly string[]): string => names.join(", ") || "nothing";

/** A value as an error message has it: what JSON makes of it, cut short. */
export function shown(value: unknown): string {
  if (value === undefined) return "missing";
  if (typeof value === "number") return String(value);
  if (typeof value === "function") return "a function";
  if (typeof value === "bigint") return `${value}n`;
  const kind: unknown = typeof value === "object" && value !== null && value.constructor;
  if (typeof kind === "function" && kind !== Object && kind !== Array) return `a ${kind.name}`;
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** The name that was probably meant: at most a third of its letters differ, or it begins alike. */
export function nearest(name: string, names: readonly string[]): string | null {
  const lower = name.toLowerCase();
  const rated = names.map((candidate) => {
    const other = candidate.toLowerCase();
    const prefix = lower.length > 2 && (other.startsWith(lower) || lower.startsWith(other));
    return { candidate, far: prefix ? 0.5 : distance(lower, other) };
  });
  const best = rated.sort((a, b) => a.far - b.far)[0];
  return best && best.far <= Math.max(1, Math.floor(name.length / 3)) ? best.candidate : null;
}

/** Levenshtein's: insertions, deletions and replacements from a to b. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const replaced = (row[j] ?? 0) + (letter === b[j] ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
