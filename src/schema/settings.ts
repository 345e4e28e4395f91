import * as v from "valibot";
import {
  type Fields,
  type Given,
  type Mode,
  objectOf,
  type Presence,
  parse,
  plainObject,
  type Schema,
  type Values,
} from "./schema.js";

/** What a thing can be told, described once: types, defaults, checks, command line, records. */
export interface Settings<F extends Fields> extends Schema<Values<F>, PresenceOf<F>> {
  readonly kind: "settings";
  readonly fields: F;
  readonly inline: Inline | undefined;
  /**
   * What a caller gives, with the defaults for the rest.
   *
   * @param where what is given, for messages; the owner's name by default
   * @throws OptionError that names an unknown or wrong value, what was expected, and what there is
   */
  fill(given?: Given<F>, where?: string): Values<F>;
  /**
   * What a record holds.
   *
   * @param where the place, for messages: "run/record.json: configuration"
   * @throws FormatError that names the field, what it is and what it should be
   */
  read(value: unknown, where: string): Values<F>;
  settle(values: Values<F>): Promise<Values<F>>;
}

/** Settings of which nothing must be given have a default, whatever fields `Fields` may be. */
type PresenceOf<F extends Fields> = string extends keyof F
  ? Presence
  : F[keyof F]["presence"] extends "default" | "optional"
    ? "default"
    : "required";

interface Inline {
  readonly flag: string;
  readonly doc: string;
}

export interface SettingsOptions {
  /** Rewrites what is given or recorded before it is checked: shorthands, and what names were once. */
  readonly before?: (
    raw: Readonly<Record<string, unknown>>,
    mode: Mode,
  ) => Readonly<Record<string, unknown>>;
  /** The command line says all of it behind one option, commas between: --curve 1000,500. */
  readonly inline?: Inline;
}

/**
 * Describes settings.
 *
 * @param owner whose they are: "attack sig"
 */
export function settings<const F extends Fields>(
  owner: string,
  fields: F,
  { before, inline }: SettingsOptions = {},
): Settings<F> {
  const inner = (mode: Mode) => {
    const checked = objectOf(fields, mode, owner);
    if (!before) return v.pipe(plainObject, checked);
    const rewrite = v.transform((raw: object): object =>
      before(raw as Record<string, unknown>, mode),
    );
    return v.pipe(plainObject, rewrite, checked);
  };
  const made = once(inner) as Settings<F>["inner"];
  const closed = Object.values(fields).every(({ presence }) => presence !== "required");
  const presence: Presence = closed ? "default" : "required";
  const self: Settings<F> = {
    kind: "settings",
    presence: presence as PresenceOf<F>,
    expected: "an object",
    // Filled by the fields' own defaults.
    default: closed ? ({} as Values<F>) : undefined,
    fields,
    inline,
    inner: made,
    fill: (given = {} as Given<F>, where = owner) => parse(self, given, where, "given"),
    read: (value, where) => parse(self, value, where, "record"),
    settle: (values) => settleFields(fields, values),
  };
  return self;
}

/** The values, with what they name outside of the record fixed: see `Schema.settle`. */
export async function settleFields<T extends object>(fields: Fields, values: T): Promise<T> {
  const settled = await Promise.all(
    Object.entries(values).map(async ([name, value]): Promise<[string, unknown]> => {
      const settle = Object.hasOwn(fields, name) ? fields[name]?.settle : undefined;
      return [name, settle && value !== undefined ? await settle(value) : value];
    }),
  );
  return Object.fromEntries(settled) as T;
}

const once = <T>(make: (mode: Mode) => T): ((mode: Mode) => T) => {
  const made = new Map<Mode, T>();
  return (mode) => {
    const found = made.get(mode) ?? make(mode);
    made.set(mode, found);
    return found;
  };
};
