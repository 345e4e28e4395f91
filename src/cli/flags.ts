import { Option } from "commander";
import { OptionError } from "../device/errors.js";
import {
  type Choice,
  type Definition,
  type Field,
  type Fields,
  type Nullable,
  parse,
  type Schema,
  type Settings,
} from "../schema/index.js";

/** The value that an option of the command line has so far, by its attribute's name. */
export type Asked = (attribute: string) => unknown;

/** An option of the command line for a part of what a schema describes. */
export interface Flag {
  readonly option: Option;
  /** Where the value goes. */
  readonly path: readonly string[];
  /** The value of what was given, beside the others; throws OptionError. */
  read(given: unknown, asked: Asked): unknown;
  /** Why it cannot be given beside the others; null where it can. */
  refusal(asked: Asked): string | null;
  /** What must be chosen to have it: "--method fst". */
  readonly of?: string;
}

type AnyChoice = Choice<string, string, Fields>;
type Described = Field<unknown> | Settings<Fields> | AnyChoice | Nullable<Schema<unknown>>;

const always = (): null => null;
const kebab = (name: string): string => name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);

/** The options for everything that a schema describes; some may share a name. */
export function flagsOf(schema: Schema<unknown>, path: readonly string[] = []): Flag[] {
  const described = schema as Described;
  switch (described.kind) {
    case "field":
      return [fieldFlag(described, path)];
    case "settings":
      return described.inline
        ? [listFlag(described, described.inline, path)]
        : fieldFlags(described.fields, path);
    case "choice":
      return choiceFlags(described, path);
    case "nullable":
      return flagsOrNone(described.of as Described, path);
    default:
      return [];
  }
}

const fieldFlags = (fields: Fields, path: readonly string[]): Flag[] =>
  Object.entries(fields).flatMap(([name, field]) => flagsOf(field, [...path, name]));

function readText(field: Field<unknown>, text: string): unknown {
  return parse(field, field.read(text), "it", "given");
}

function fieldFlag(field: Field<unknown>, path: readonly string[]): Flag {
  const { doc = "", flag = kebab(path.at(-1) ?? ""), placeholder } = field.about;
  const { default: preset } = field;
  if (field.isSwitch) {
    const [long, text] = preset === true ? [`no-${flag}`, `without ${doc}`] : [flag, doc];
    const option = new Option(`--${long}`, text);
    return { option, path, read: (isOn) => isOn, refusal: always };
  }
  // What its values may be stands in the placeholder where there is room.
  const long = placeholder === "name" || placeholder === "list";
  const text = long ? `${doc}: ${field.expected}` : doc;
  const shown = preset === undefined ? text : `${text} (default: ${preset})`;
  return {
    option: new Option(`--${flag} <${placeholder}>`, shown),
    path,
    read: (text) => readText(field, String(text)),
    refusal: always,
  };
}

/** All fields of some settings behind one option, commas between. */
function listFlag(
  { fields }: Settings<Fields>,
  { flag, doc }: { flag: string; doc: string },
  path: readonly string[],
): Flag {
  const presets = Object.values(fields).map((field) => field.default);
  const text = `${doc} (default: ${presets.join(",")})`;
  const option = new Option(`--${flag} <${Object.keys(fields).join(",")}>`, text);
  return { option, path, read: (list) => readList(fields, String(list)), refusal: always };
}

/** "6000,2000" as the first fields, in their order. */
function readList(fields: Fields, text: string): Record<string, unknown> {
  const named = Object.entries(fields);
  // A single text may hold commas.
  const parts = named.length === 1 ? [text] : text.split(",");
  if (parts.length > named.length)
    throw new OptionError(`it must be ${usageOf(fields)}, not "${text}"`);
  return Object.fromEntries(
    parts.map((part, i) => {
      const [name = "", field] = named[i] ?? [];
      return [name, readText(field as Field<unknown>, part)];
    }),
  );
}

/** "TRAIN[,TEST[,SEED]]", or "" where nothing can be said. */
const usageOf = (fields: Fields): string =>
  Object.entries(fields).reduceRight((rest, [name, { presence }], i) => {
    const part = `${i > 0 ? "," : ""}${name.toUpperCase()}${rest}`;
    return presence === "required" ? part : `[${part}]`;
  }, "");

function choiceFlags(choice: AnyChoice, path: readonly string[]): Flag[] {
  const { registry, tag, under, fields, flag, doc, default: preset, style } = choice.choice;
  if (style === "inline") return [inlineFlag(choice, path)];
  const text = `${doc}: ${registry.names.join(", ")} (default: ${preset})`;
  const option = new Option(`--${flag} <name>`, text);
  const readName = (name: unknown): string => registry.get(String(name)).name;
  const chosen: Chosen = (asked) => String(asked(option.attributeName()) ?? preset);
  const inside = under === "" ? path : [...path, under];
  return [
    { option, path: [...path, tag], read: readName, refusal: always },
    ...fieldFlags(fields, path),
    ...(style === "pairs" ? [pairsFlag(choice, inside, chosen)] : ownFlags(choice, inside, chosen)),
  ];
}

/** The name of the choice made. */
type Chosen = (asked: Asked) => string;

/** The options of all that can be chosen, each for its own choice. */
function ownFlags({ choice }: AnyChoice, path: readonly string[], chosen: Chosen): Flag[] {
  return [...choice.registry].flatMap(({ name, options }) =>
    fieldFlags(options.fields, path).map((one) => ({
      ...one,
      of: `--${choice.flag} ${name}`,
      refusal: (asked) =>
        chosen(asked) === name
          ? null
          : `it is an option of --${choice.flag} ${name}, not of ${chosen(asked)}`,
    })),
  );
}

/** "name=value", as often as there are options to say. */
function pairsFlag({ choice }: AnyChoice, path: readonly string[], chosen: Chosen): Flag {
  const { flag, registry } = choice;
  const text = `a setting of the ${registry.what}, see below; may be repeated`;
  const option = new Option(`--${flag}-option <name=value>`, text);
  option.argParser((pair, before: readonly string[] = []) => [...before, pair]);
  return {
    option,
    path,
    refusal: always,
    read(pairs, asked) {
      const { fields } = registry.get(chosen(asked)).options;
      const values = (pairs as readonly string[]).map((pair) => {
        const [, name = "", value = ""] = /^([A-Za-z]\w*)=(.+)$/s.exec(pair) ?? [];
        if (name === "") throw new OptionError(`it must be name=value, not "${pair}"`);
        const field = Object.hasOwn(fields, name) ? (fields[name] as Described) : undefined;
        return [name, field?.kind === "field" ? field.read(value) : value];
      });
      return Object.fromEntries(values);
    },
  };
}

/** A choice that may be "none"; then nothing else can be said of it. */
function flagsOrNone(choice: Described, path: readonly string[]): Flag[] {
  if (choice.kind !== "choice") return flagsOf(choice, path);
  const { registry, tag } = choice.choice;
  const [own, ...others] = choiceFlags(choice, path);
  if (!own) return [];
  const attribute = own.option.attributeName();
  const read = (name: unknown) =>
    name === "none" ? null : { [tag]: registry.get(String(name), ["none"]).name };
  own.option.description = own.option.description.replace(" (", ", none (");
  return [
    { ...own, path, read },
    ...others.map((other) => ({
      ...other,
      refusal: (asked: Asked) =>
        asked(attribute) === "none"
          ? `there is no ${registry.what} with ${own.option.long} none`
          : other.refusal(asked),
    })),
  ];
}

/** "name:rest", the rest being the options' values in their order. */
function inlineFlag({ choice }: AnyChoice, path: readonly string[]): Flag {
  const { registry, tag, flag, doc, default: preset } = choice;
  const usages = [...registry].map((one) => `${inlineUsage(one)} (${one.doc})`);
  const shown = preset === "" ? "" : ` (default: ${preset})`;
  const option = new Option(`--${flag} <source>`, `${doc}: ${usages.join(" or ")}${shown}`);
  return {
    option,
    path,
    refusal: always,
    read(given) {
      const [, name = "", rest = ""] = /^([^:]*):?(.*)$/s.exec(String(given)) ?? [];
      const source = registry.get(name);
      const { fields } = source.options;
      const values = rest === "" ? {} : readList(fields, rest);
      for (const [key, { presence }] of Object.entries(fields)) {
        if (presence !== "required" || Object.hasOwn(values, key)) continue;
        throw new OptionError(`${source.title} needs its ${key}: ${inlineUsage(source)}`);
      }
      return { [tag]: name, ...values };
    },
  };
}

/** "synthetic[:TRAIN[,TEST]]". */
function inlineUsage({ name, options }: Definition): string {
  const rest = usageOf(options.fields);
  if (rest === "") return name;
  return rest.startsWith("[") ? `${name}[:${rest.slice(1)}` : `${name}:${rest}`;
}
