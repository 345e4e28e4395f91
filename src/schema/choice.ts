import * as v from "valibot";
import { type About, field, oneOf } from "./fields.js";
import type { Definition, Registry } from "./registry.js";
import {
  type Fields,
  type Given,
  type Mode,
  objectOf,
  plainObject,
  type Schema,
  type Values,
} from "./schema.js";
import { settleFields } from "./settings.js";

/** How the command line says the options of what is chosen. */
export type OptionStyle =
  /** By an option each: --width 16. */
  | "flags"
  /** By pairs behind one option: --attack-option alpha=0.1. */
  | "pairs"
  /** Behind the name: --data synthetic:6000,2000. */
  | "inline";

export interface ChoiceOptions<Tag extends string, Under extends string, Extra extends Fields> {
  /** What there is to choose from. */
  readonly registry: Registry<Definition>;
  /** The field that names the choice. */
  readonly tag: Tag;
  /** The field that holds its options; "" where they stand beside the name. */
  readonly under: Under;
  /** Fields of every choice. */
  readonly fields: Extra;
  /** The choice where none is made; "" where one must be. */
  readonly default: string;
  readonly doc: string;
  /** The command line's option that names the choice. */
  readonly flag: string;
  readonly style: OptionStyle;
}

/** A name and the options of what it names. */
export type Chosen<Tag extends string, Under extends string, Extra extends Fields> = {
  readonly [K in Tag]: string;
} & Values<Extra> &
  (Under extends "" ? Options : { readonly [K in Under]: Options });

/** What options may be: what JSON holds, so that records and grids hold it, and nothing that acts. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
interface JsonObject {
  readonly [name: string]: Json;
}

/** Options of what is chosen by name. */
export type Options = JsonObject;

/** As a caller gives it: what has a default may be left out. */
export type GivenChoice<Tag extends string, Under extends string, Extra extends Fields> = {
  readonly [K in Tag]?: string;
} & Given<Extra> &
  (Under extends "" ? Options : { readonly [K in Under]?: Options });

export interface Choice<Tag extends string, Under extends string, Extra extends Fields>
  extends Schema<Chosen<Tag, Under, Extra>, "default"> {
  readonly kind: "choice";
  /** Type alone. */
  readonly given?: GivenChoice<Tag, Under, Extra>;
  readonly choice: ChoiceOptions<Tag, Under, Extra>;
  /** The fields of a choice, its name's among them. */
  fieldsOf(name: string): Fields;
}

/** One of the things of a registry, with its options. */
export function choiceOf<
  const Tag extends string,
  const Under extends string,
  const Extra extends Fields,
>(choice: ChoiceOptions<Tag, Under, Extra>): Choice<Tag, Under, Extra> {
  type Value = Chosen<Tag, Under, Extra>;
  const { registry, tag, under, fields, doc, flag, default: preset } = choice;
  const nameField = () => oneOf(registry.names, { doc, flag, default: preset });
  const nameOf = (value: object): unknown => (value as Record<string, unknown>)[tag];
  const fieldsOf = (name: string): Fields => {
    const { options } = registry.get(name);
    const own: Fields = under === "" ? options.fields : { [under]: options };
    const shared: Fields = { [tag]: nameField(), ...fields };
    const clash = Object.keys(own).find((key) => Object.hasOwn(shared, key));
    if (clash) throw new Error(`${registry.what} ${name}: the option name ${clash} is taken`);
    return { ...shared, ...own };
  };
  const inner = (mode: Mode) =>
    v.pipe(
      plainObject,
      v.lazy((value): v.GenericSchema<object, object> => {
        const name = nameOf(value as object) ?? (mode === "given" ? preset : undefined);
        const known = registry.find(name);
        if (!known) return objectOf({ [tag]: nameField() }, mode);
        return objectOf(fieldsOf(known.name), mode, `${registry.what} ${known.name}`);
      }),
    ) as unknown as v.GenericSchema<unknown, Value>;
  return {
    kind: "choice",
    presence: "default",
    expected: "an object",
    // The name's own default fills it.
    default: {} as Value,
    choice,
    fieldsOf,
    inner,
    settle: (value) => settleFields(fieldsOf(String(nameOf(value))), value),
  };
}

/** Some of the things of a registry, by their names; on the command line with commas between. */
export function namesOf<const A extends About<readonly string[]>>(
  registry: Registry<Definition>,
  about: A,
) {
  const isName = (name: unknown): boolean => registry.find(name) !== undefined;
  return field<readonly string[], A>(about, {
    get expected() {
      return `a list of ${registry.names.join(", ")}`;
    },
    placeholder: "list",
    is: (value) => Array.isArray(value) && value.length > 0 && value.every(isName),
    read: (text) => [...new Set(text.split(","))],
  });
}
