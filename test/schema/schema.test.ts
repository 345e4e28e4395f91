import { expect, expectTypeOf, test } from "vitest";
import { OptionError } from "../../src/device/errors.js";
import {
  choiceOf,
  type Definition,
  FormatError,
  flag,
  type Given,
  integer,
  listOf,
  mapOf,
  nullable,
  number,
  object,
  oneOf,
  optional,
  parse,
  Registry,
  settings,
  text,
  type Values,
} from "../../src/schema/index.js";

const inner = settings("inner", { deep: integer({ min: 2, default: 3 }) });
const things = settings("things", {
  name: text({ doc: "a name" }),
  share: number({ min: 0, max: 1, default: 0.5 }),
  mood: oneOf(["calm", "loud"], { default: "calm", past: "loud" }),
  note: text({ optional: true }),
  on: flag({ default: true }),
  inner,
});

test("types follow from the description", () => {
  type V = Values<typeof things.fields>;
  expectTypeOf<V["mood"]>().toEqualTypeOf<"calm" | "loud">();
  expectTypeOf<V["inner"]["deep"]>().toEqualTypeOf<number>();
  expectTypeOf<{ name: string }>().toExtend<Given<typeof things.fields>>();
  // @ts-expect-error: the name has no default
  const nameless: Given<typeof things.fields> = { share: 1 };
  // @ts-expect-error: there is no such mood
  const angry: Given<typeof things.fields> = { name: "a", mood: "angry" };
  const values: V = things.fill({ name: "a", inner: {} });
  expect([nameless, angry, values]).toHaveLength(3);
});

const complete = { name: "a", share: 0.5, mood: "calm", on: true, inner: { deep: 3 } };

test("what is given gets defaults; a record has them, but for what came later", () => {
  expect(things.fill({ name: "a" })).toEqual(complete);
  expect(things.fill(complete as never)).toEqual(complete);
  expect(things.read({ ...complete, mood: undefined, note: "b" }, "r")).toEqual({
    ...{ ...complete, mood: "loud", note: "b" },
  });
  expect(things.fields.inner.fill()).toEqual({ deep: 3 });
  // Each fill is its own: nobody's changes reach the defaults.
  const first = things.fill({ name: "a" }) as { inner: { deep: number } };
  first.inner.deep = 99;
  expect(things.fill({ name: "a" })).toEqual(complete);
});

test.each<[object | null, string]>([
  [{}, "things: name must be a string, not missing"],
  [{ name: 7 }, "things: name must be a string, not 7"],
  [{ name: "a", share: 1.5 }, "things: share must be a number in 0 .. 1, not 1.5"],
  [{ name: "a", share: Number.NaN }, "share must be a number in 0 .. 1, not NaN"],
  [
    { name: "a", mood: "load" },
    'mood must be one of "calm", "loud", not "load"; did you mean "loud"?',
  ],
  [{ name: "a", on: "yes" }, 'on must be true or false, not "yes"'],
  [
    { name: "a", inner: { deep: 1 } },
    "things: inner: deep must be an integer of at least 2, not 1",
  ],
  [
    { name: "a", inner: { depp: 4 } },
    "things: inner has no option depp (4); inner has deep; did you mean deep?",
  ],
  [{ name: "a", inner: [3] }, "things: inner must be an object, not [3]"],
  [
    { name: "a", notes: "b" },
    'things has no option notes ("b"); things has name, share, mood, note, on, inner; did you mean note?',
  ],
  [{ name: "a", constructor: 1 }, "has no option constructor (1)"],
  [JSON.parse('{"name": "a", "__proto__": {"share": 0.1}}'), "has no option __proto__"],
  [null, "things must be an object, not null"],
])("%j is refused, given or recorded", (value, message) => {
  expect(() => things.fill(value as never)).toThrow(OptionError);
  expect(() => things.fill(value as never)).toThrow(message);
});

test.each<[object, string]>([
  [
    { ...complete, share: undefined },
    "run/record.json: share must be a number in 0 .. 1, not missing",
  ],
  [
    { ...complete, inner: {} },
    "run/record.json: inner: deep must be an integer of at least 2, not missing",
  ],
  [{ ...complete, more: 1 }, "run/record.json has no option more (1)"],
])("a record with %j is refused", (value, message) => {
  expect(() => things.read(value, "run/record.json")).toThrow(FormatError);
  expect(() => things.read(value, "run/record.json")).toThrow(message);
});

test("bounds are said as they are", () => {
  const said = (...about: Parameters<typeof number>) => number(...about).expected;
  expect(said({})).toBe("a finite number");
  expect(said({ above: 0, max: 1 })).toBe("a number above 0 and at most 1");
  expect(said({ min: 0, below: 1 })).toBe("a number of at least 0 and below 1");
  expect(integer({ min: 0, max: 9 }).expected).toBe("an integer in 0 .. 9");
  for (const [value, fits] of [
    [0, false],
    [1e-9, true],
    [1, true],
    [1.01, false],
  ] as const) {
    const check = () => parse(number({ above: 0, max: 1 }), value, "x", "given");
    if (fits) expect(check()).toBe(value);
    else expect(check).toThrow("x must be a number above 0 and at most 1");
  }
});

interface Thing extends Definition {
  readonly weight: number;
}
const about = { title: "T", doc: "d", source: "s" };
const made = (name: string, weight: number): Thing => ({
  ...{ name, ...about, weight },
  options: settings(name, { size: integer({ min: 1, default: weight }) }),
});

test("a choice has the options of what is chosen, beside its name or under a field", () => {
  const registry = new Registry<Thing>("thing", [made("small", 1), made("large", 9)]);
  const shared = { registry, tag: "name", default: "small", doc: "", flag: "thing" } as const;
  const flat = choiceOf({ ...shared, under: "", fields: {}, style: "flags" });
  const nested = choiceOf({
    ...{ ...shared, under: "options", style: "pairs" },
    fields: { rate: number({ default: 0.1 }) },
  });
  const fill = (schema: typeof flat | typeof nested, value: object) =>
    parse<unknown>(schema as typeof flat, value, "x", "given");
  expect(fill(flat, {})).toEqual({ name: "small", size: 1 });
  expect(fill(flat, { name: "large" })).toEqual({ name: "large", size: 9 });
  expect(fill(nested, { options: { size: 4 } })).toEqual({
    ...{ name: "small", rate: 0.1, options: { size: 4 } },
  });
  expect(() => fill(flat, { name: "big" })).toThrow(
    'x: name must be one of "small", "large", not "big"',
  );
  expect(() => fill(flat, { width: 1 })).toThrow(
    "x has no option width (1); thing small has name, size",
  );
  expect(() => parse(flat, { size: 1 }, "r", "record")).toThrow(
    'name must be one of "small", "large", not missing',
  );
  registry.add(made("huge", 99));
  expect(fill(flat, { name: "huge" })).toEqual({ name: "huge", size: 99 });
  const clash = choiceOf({
    ...shared,
    under: "",
    style: "flags",
    fields: { size: number({ default: 1 }) },
  });
  expect(() => fill(clash as never, {})).toThrow("thing small: the option name size is taken");
});

test("a registry refuses a second of a name, and a name that no command line could say", () => {
  const registry = new Registry<Thing>("thing", [made("small", 1)]);
  expect(() => registry.add(made("small", 2))).toThrow('there is a thing "small" already');
  for (const name of ["Small", "two words", "", "none", "a:b"]) {
    expect(() => registry.add(made(name, 2))).toThrow(OptionError);
  }
  expect(registry.names).toEqual(["small"]);
  expect(() => registry.get("toString")).toThrow('there is no thing "toString"; there are small');
});

test("structures read lists, maps, gaps and what a later version added", () => {
  const schema = object({
    list: listOf(object({ n: integer({}) })),
    map: mapOf(text({}), {}),
    maybe: nullable(object({ n: integer({}) })),
    later: optional(number({})),
  });
  const read = (value: unknown) => parse(schema, value, "r", "record");
  expect(read({ list: [{ n: 1, more: 2 }], more: 3 })).toEqual({
    list: [{ n: 1 }],
    map: {},
    maybe: null,
  });
  expect(read({ list: [], map: { a: "b" }, maybe: { n: 4 }, later: 5 })).toEqual({
    ...{ list: [], map: { a: "b" }, maybe: { n: 4 }, later: 5 },
  });
  expect(() => read({ list: [{ n: 1 }, { n: "x" }] })).toThrow(
    'r: list[1]: n must be an integer, not "x"',
  );
  expect(() => read({ list: 3 })).toThrow("r: list must be a list, not 3");
  expect(() => read({ list: [], map: { a: 1 } })).toThrow("r: map: a must be a string, not 1");
  expect(() => read({ list: [], map: [1] })).toThrow("r: map must be an object, not [1]");
});
