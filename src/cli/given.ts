import { type Command, Help, type Option } from "commander";
import { OptionError } from "../device/errors.js";
import type { Definition, Field, Registry, Schema } from "../schema/index.js";
import { type Asked, type Flag, flagsOf } from "./flags.js";

/** A schema and the fields of it that the command line does not say. */
interface Said {
  readonly schema: Schema<unknown>;
  readonly except?: readonly string[];
}

const flagsFor = ({ schema, except = [] }: Said): Flag[] =>
  flagsOf(schema).filter(({ path }) => !except.includes(path[0] ?? ""));

/** What the user gave; commander's own defaults are none of it. */
const valuesOf =
  (command: Command): Asked =>
  (name) =>
    command.getOptionValueSource(name) === "cli" ? command.getOptionValue(name) : undefined;

/**
 * Gives a command an option for everything that a schema describes. Options of what is not chosen
 * stay out of the help.
 */
export function withFlags(command: Command, said: Said): Command {
  const flags = flagsFor(said);
  const named = (long: string | undefined) => flags.filter(({ option }) => option.long === long);
  const names = new Set(flags.map(({ option }) => option.long));
  for (const name of names) command.addOption(checkShared(named(name)).option);
  const inForce = (option: Option): Option[] => {
    if (!names.has(option.long)) return [option];
    const ours = named(option.long).filter((flag) => flag.refusal(valuesOf(command)) === null);
    return ours.map((flag) => flag.option);
  };
  const before = command.configureHelp();
  const visible = before.visibleOptions ?? ((self: Command) => new Help().visibleOptions(self));
  return command.configureHelp({
    ...before,
    visibleOptions: (self) => visible(self).flatMap((option) => inForce(option).slice(0, 1)),
  });
}

/** Flags of one name: each must be of another choice, and all or none take a value. */
function checkShared(same: readonly Flag[]): Flag {
  const [first, ...others] = same as [Flag, ...Flag[]];
  for (const other of others) {
    const { long, required } = other.option;
    const alone = same.filter(({ of }) => of === other.of).length === 1;
    if (first.of && other.of && alone && required === first.option.required) continue;
    const who = other.of ?? first.of ?? other.path.join(".");
    throw new Error(`${who}: ${long} is taken by another option; give it another with "flag"`);
  }
  return first;
}

/** What the user gave of a schema, for `fill`. What is wrong ends the program as wrong usage. */
export function given(command: Command, said: Said): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  const asked = valuesOf(command);
  const flags = flagsFor(said);
  for (const attribute of new Set(flags.map(({ option }) => option.attributeName()))) {
    const value = asked(attribute);
    if (value === undefined) continue;
    const own = flags.filter(({ option }) => option.attributeName() === attribute);
    const flag = own.find((one) => one.refusal(asked) === null);
    const [{ option, refusal }] = own as [Flag];
    if (!flag) command.error(`error: option '${option.flags}': ${refusal(asked)}`, wrongUsage);
    const read = usage(command, () => flag.read(value, asked), `option '${option.flags}': `);
    put(out, flag.path, read);
  }
  return out;
}

const wrongUsage = { exitCode: 2 };

/** Ends the program as wrong usage where `body` throws OptionError. */
export function usage<T>(command: Command, body: () => T, where = ""): T {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    return command.error(`error: ${where}${error.message}`, wrongUsage);
  }
}

function put(out: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [first = "", ...rest] = path;
  const there = isObject(out[first]) ? out[first] : {};
  if (rest.length > 0) {
    out[first] = there;
    put(there, rest, value);
  } else out[first] = isObject(value) ? { ...there, ...value } : value;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * What there is to choose from, for help: a line each.
 *
 * @param more further lines, as name and text
 */
export function describe(
  registry: Registry<Definition>,
  { options = false, more = [] }: { options?: boolean; more?: [string, string][] } = {},
): string {
  const width = Math.max(
    ...[...registry.names, ...more.map(([name]) => name)].map((n) => n.length),
  );
  const line = (name: string, text: string): string => `  ${name.padEnd(width)}  ${text}`;
  return [
    ...[...registry].flatMap((one) => [
      line(one.name, one.doc),
      ...(options ? pairs(one).map((pair) => line("", `  ${pair}`)) : []),
    ]),
    ...more.map(([name, text]) => line(name, text)),
  ].join("\n");
}

/** "alpha=0.2  weight of the picture". */
const pairs = ({ options }: Definition): string[] =>
  Object.entries(options.fields).map(([name, field]) => {
    const { doc = "", placeholder = "" } = (field as Field<unknown>).about;
    const preset = field.default === undefined ? `<${placeholder}>` : String(field.default);
    const choices = placeholder.includes("|") ? ` (${placeholder})` : "";
    return `${name}=${preset}  ${doc}${choices}`;
  });
