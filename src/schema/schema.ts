import * as v from "valibot";
import { OptionError } from "../device/errors.js";
import { nearest, shown } from "../device/options.js";

/** A value in a file that is not what the format says. */
export class FormatError extends Error {
  override name = "FormatError";
}

/**
 * What is asked of a value: `given` by a person or a program, where gaps get defaults; or read from a
 * `record`, where nothing may be missing but what records from before did not have.
 */
export type Mode = "given" | "record";

/** Whether a field must be given, has a default, or may be left out. */
export type Presence = "required" | "default" | "optional";

/** What a value is, for the checks and for people. `presence` is that of a field of this schema. */
export interface Schema<T, P extends Presence = Presence> {
  readonly presence: P;
  /** Completes "must be": "an integer of at least 1". */
  readonly expected: string;
  /** The default of the field. */
  readonly default?: T | undefined;
  /** What it was in records from before the field existed. */
  readonly past?: T | undefined;
  /** @internal */
  inner(mode: Mode): v.GenericSchema<unknown, T>;
  /** Fixes what a value names outside of the record, such as a file by its hash. */
  settle?(value: T): Promise<T>;
}

export type Fields = Readonly<Record<string, Schema<unknown>>>;

export type ValueOf<S> = S extends Schema<infer T, Presence> ? T : never;
type Named<F extends Fields, P extends Presence> = {
  [K in keyof F]: F[K]["presence"] extends P ? K : never;
}[keyof F];

/** The values of fields, complete. */
export type Values<F extends Fields> = {
  readonly [K in Named<F, "required" | "default">]: ValueOf<F[K]>;
} & { readonly [K in Named<F, "optional">]?: ValueOf<F[K]> };

/** The values of fields as a caller gives them: what has a default may be left out. */
export type Given<F extends Fields> = {
  readonly [K in Named<F, "required">]: GivenValue<F[K]>;
} & { readonly [K in Named<F, "default" | "optional">]?: GivenValue<F[K]> };

type GivenValue<S> = S extends { readonly fields: infer F extends Fields }
  ? Given<F>
  : S extends { readonly kind: "nullable"; readonly of: infer O }
    ? GivenValue<O> | null
    : S extends { readonly kind: "choice"; readonly given?: infer G }
      ? G
      : ValueOf<S>;

/**
 * The value, checked.
 *
 * @param where what it is, for messages: "attack sig", "record.json"
 * @throws OptionError (given) or FormatError (record) that names place, value and what was expected
 */
export function parse<T>(schema: Schema<T>, value: unknown, where: string, mode: Mode): T {
  const result = v.safeParse(schema.inner(mode), value, { abortEarly: true });
  if (result.success) return result.output;
  const message = explain(result.issues[0], where);
  throw mode === "given" ? new OptionError(message) : new FormatError(message);
}

/** What is given, complete, with what it names outside of the record fixed: see `Schema.settle`. */
export async function settled<T>(schema: Schema<T>, given: unknown, where: string): Promise<T> {
  const complete = parse(schema, given, where, "given");
  return schema.settle ? schema.settle(complete) : complete;
}

/**
 * The value of a text in JSON.
 *
 * @throws FormatError when it is none
 */
export function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FormatError(`${where} is not JSON: ${(cause as Error).message}`, { cause });
  }
}

/** "record.json: metrics: after: loss must be a finite number, not missing". */
function explain({ message, path }: v.BaseIssue<unknown>, where: string): string {
  // An unknown field is the fault of the object that it stands in.
  const steps = path?.slice(0, message.startsWith("has no") ? -1 : undefined) ?? [];
  const place = steps.reduce(
    (text, { key }) => (typeof key === "number" ? `${text}[${key}]` : `${text}: ${String(key)}`),
    where,
  );
  return `${place} ${message}`;
}

/** The message of a value that is not what was expected. */
export const mustBe = (
  expected: string,
  value: unknown,
  choices: readonly string[] = [],
): string => {
  const near = typeof value === "string" ? nearest(value, choices) : null;
  return `must be ${expected}, not ${shown(value)}${near ? `; did you mean "${near}"?` : ""}`;
};

/**
 * An object and no list.
 * @internal
 */
export const plainObject: v.GenericSchema<unknown, object> = v.custom<object>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  ({ input }) => mustBe("an object", input),
);

/**
 * The fields of a plain object.
 *
 * @param owner whose fields they are, for messages; unknown ones are left out without it
 * @internal
 */
export function objectOf(
  fields: Fields,
  mode: Mode,
  owner?: string,
): v.GenericSchema<object, object> {
  const entries = Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [name, entryOf(field, mode)]),
  );
  const message = (issue: v.BaseIssue<unknown>): string => {
    const step = issue.path?.at(-1);
    const name = String(step?.key ?? "");
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field) return mustBe(field.expected, undefined);
    return hasNo(owner ?? "", name, step?.value, Object.keys(fields));
  };
  const made = owner === undefined ? v.object(entries, message) : v.strictObject(entries, message);
  return made as v.GenericSchema<object, object>;
}

function entryOf(field: Schema<unknown>, mode: Mode): v.GenericSchema {
  const inner = field.inner(mode);
  const gap = mode === "given" ? field.default : field.past;
  if (gap !== undefined) return v.optional(inner, gap);
  return field.presence === "optional" ? v.optional(inner) : inner;
}

/** The message about a field that is none. */
export function hasNo(
  owner: string,
  name: string,
  value: unknown,
  names: readonly string[],
): string {
  const near = nearest(name, names);
  const there = names.length > 0 ? `${owner} has ${names.join(", ")}` : `${owner} has none`;
  return `has no option ${name} (${shown(value)}); ${there}${near ? `; did you mean ${near}?` : ""}`;
}
