import * as v from "valibot";
import { type Mode, mustBe, type Presence, type Schema } from "./schema.js";

/** What every field may say of itself. */
export interface About<T> {
  /** One line for people, such as "images a step". */
  readonly doc?: string;
  readonly default?: T;
  /** May be left out and has no default; `doc` says what then holds. */
  readonly optional?: true;
  /** What records from before the field existed are taken to hold. */
  readonly past?: T;
  /** Its option on the command line, where that is not its name: "tuning-fraction". */
  readonly flag?: string;
  /** What stands for its value in help: "share". */
  readonly placeholder?: string;
}

type PresenceOf<A> = A extends { readonly default: unknown }
  ? "default"
  : A extends { readonly optional: true }
    ? "optional"
    : "required";

/** One value: a number, a choice, a text. */
export interface Field<T, P extends Presence = Presence> extends Schema<T, P> {
  readonly kind: "field";
  readonly about: About<T>;
  /** For true and false, which the command line says by an option's being there. */
  readonly isSwitch: boolean;
  /** What the check takes for a text of the command line: "0.1" is a number there. */
  read(text: string): unknown;
}

interface Making<T> {
  readonly expected: string;
  readonly placeholder: string;
  /** Whether it may be given; whether it may stand in a record. */
  is(value: unknown, mode: Mode): boolean;
  /** See `Field.read`. */
  read(text: string): unknown;
  /** Names to guess from where another is given. */
  readonly choices?: readonly string[];
  readonly isSwitch?: boolean;
  readonly settle?: (value: T) => Promise<T>;
}

export function field<T, A extends About<T>>(about: A, making: Making<T>): Field<T, PresenceOf<A>> {
  const { choices, is, read, settle } = making;
  const made = (mode: Mode) =>
    v.custom<T>(
      (value) => is(value, mode),
      ({ input }) => mustBe(making.expected, input, choices),
    );
  const inners = { given: made("given"), record: made("record") };
  const presence: Presence =
    about.default !== undefined ? "default" : about.optional ? "optional" : "required";
  return {
    kind: "field",
    presence: presence as PresenceOf<A>,
    get expected() {
      return making.expected;
    },
    about: { placeholder: making.placeholder, ...about },
    default: about.default,
    past: about.past,
    isSwitch: making.isSwitch ?? false,
    read,
    inner: (mode) => inners[mode],
    ...(settle && { settle }),
  };
}

interface Range {
  /** The least and the largest value. */
  readonly min?: number;
  readonly max?: number;
  /** What it must lie above. */
  readonly above?: number;
  /** What it must lie below. */
  readonly below?: number;
}

function phrase(what: string, { min, max, above, below }: Range): string {
  if (min !== undefined && max !== undefined) return `${what} in ${min} .. ${max}`;
  const bounds = [
    ...(min === undefined ? [] : [`of at least ${min}`]),
    ...(above === undefined ? [] : [`above ${above}`]),
    ...(max === undefined ? [] : [`at most ${max}`]),
    ...(below === undefined ? [] : [`below ${below}`]),
  ];
  return [what, bounds.join(" and ")].filter((part) => part !== "").join(" ");
}

const inside = (value: number, { min, max, above, below }: Range): boolean =>
  value >= (min ?? Number.NEGATIVE_INFINITY) &&
  value <= (max ?? Number.POSITIVE_INFINITY) &&
  value > (above ?? Number.NEGATIVE_INFINITY) &&
  value < (below ?? Number.POSITIVE_INFINITY);

const toNumber = (text: string): unknown => {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : text;
};

/** A whole number. */
export function integer<const A extends About<number> & Range>(about: A) {
  return field<number, A>(about, {
    expected: phrase("an integer", about),
    placeholder: "n",
    is: (value) => Number.isSafeInteger(value) && inside(value as number, about),
    read: (text) => (/^-?\d+$/.test(text) ? Number(text) : text),
  });
}

/** A finite number. */
export function number<const A extends About<number> & Range>(about: A) {
  const ranged = ["min", "max", "above", "below"].some((bound) => bound in about);
  return field<number, A>(about, {
    expected: phrase(ranged ? "a number" : "a finite number", about),
    placeholder: "x",
    is: (value) => Number.isFinite(value) && inside(value as number, about),
    read: toNumber,
  });
}

/** True or false. */
export function flag<const A extends About<boolean>>(about: A) {
  return field<boolean, A>(about, {
    expected: "true or false",
    placeholder: "true|false",
    is: (value) => typeof value === "boolean",
    read: (text) => ({ true: true, false: false })[text] ?? text,
    isSwitch: true,
  });
}

/** A text. */
export function text<const A extends About<string>>(about: A) {
  return field<string, A>(about, {
    expected: "a string",
    placeholder: "text",
    is: (value) => typeof value === "string",
    read: (given) => given,
  });
}

/** One of some names. */
export function oneOf<const C extends readonly string[], const A extends About<C[number]>>(
  choices: C,
  about: A,
) {
  return field<C[number], A>(about, {
    expected: `one of ${choices.map((name) => JSON.stringify(name)).join(", ")}`,
    placeholder: shortList(choices),
    is: (value) => choices.includes(value as string),
    read: (given) => given,
    choices,
  });
}

const shortList = (choices: readonly string[]): string => {
  const all = choices.join("|");
  return all.length > 24 ? "name" : all;
};
