import * as v from "valibot";
import {
  type Fields,
  mustBe,
  objectOf,
  type Presence,
  plainObject,
  type Schema,
  type ValueOf,
  type Values,
} from "./schema.js";

/** What a record holds beside settings: no defaults, no command line. */
export interface Structure<T, P extends Presence = "required"> extends Schema<T, P> {
  readonly kind: "structure";
}

export interface Nullable<S extends Schema<unknown>>
  extends Schema<ValueOf<S> | null, S["presence"]> {
  readonly kind: "nullable";
  readonly of: S;
}

/** Something or null; null too where a record has a gap. */
export function nullable<S extends Schema<unknown>>(of: S): Nullable<S> {
  const { presence, expected } = of;
  return {
    kind: "nullable",
    of,
    ...{ presence, expected: `${expected} or null`, past: null },
    default: of.default as ValueOf<S> | undefined,
    inner: (mode) => v.nullable(of.inner(mode) as v.GenericSchema<unknown, ValueOf<S>>),
    settle: async (value) =>
      value !== null && of.settle ? ((await of.settle(value)) as ValueOf<S>) : value,
  };
}

export function listOf<T>(of: Schema<T>): Structure<readonly T[]> {
  const expected = "a list";
  const message = ({ input }: v.BaseIssue<unknown>) => mustBe(expected, input);
  return {
    kind: "structure",
    presence: "required",
    expected,
    inner: (mode) => v.array(of.inner(mode), message),
  };
}

/** An object whose names are data, each with a value of one schema. */
export function mapOf<T>(of: Schema<T>, past?: Readonly<Record<string, T>>) {
  const made: Structure<Readonly<Record<string, T>>> = {
    kind: "structure",
    presence: "required",
    expected: "an object",
    past,
    inner: (mode) =>
      v.pipe(
        plainObject,
        v.record(v.string(), of.inner(mode)) as v.GenericSchema<object, Record<string, T>>,
      ),
  };
  return made;
}

/** An object of these fields; others are left out, because a later version may have more. */
export function object<const F extends Fields>(fields: F): Structure<Values<F>> {
  return {
    kind: "structure",
    presence: "required",
    expected: "an object",
    inner: (mode) =>
      v.pipe(plainObject, objectOf(fields, mode)) as v.GenericSchema<unknown, Values<F>>,
  };
}

/** A field that may be missing. */
export function optional<T>(of: Schema<T>): Structure<T, "optional"> {
  return { kind: "structure", presence: "optional", expected: of.expected, inner: of.inner };
}

/** Null, whatever stands there. */
export const nothing: Structure<null> = {
  kind: "structure",
  presence: "required",
  expected: "null",
  past: null,
  inner: () =>
    v.pipe(
      v.unknown(),
      v.transform(() => null),
    ),
};

/** A value that some check accepts. */
export function checked<T>(expected: string, is: (value: unknown) => boolean): Structure<T> {
  const inner = v.custom<T>(is, ({ input }) => mustBe(expected, input));
  return { kind: "structure", presence: "required", expected, inner: () => inner };
}
