/** Something that only stands for what a file has, and says what that is. */
export abstract class Described {
  abstract get description(): string;
}

/**
 * What was found in a file, in a few words for a message. Names in a file are anyone's: what is long
 * is cut, what a terminal would obey is escaped, and nothing is followed inwards.
 */
export function describe(value: unknown): string {
  if (typeof value === "string") return name(value);
  if (value === null) return "None";
  if (value instanceof Map) return `a dict of ${value.size}`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value === "bigint" && (value > 2n ** 64n || value < -(2n ** 64n))) {
    return "a very large number";
  }
  if (value instanceof Described) return value.description;
  if (typeof value === "object") return "an object";
  return typeof value === "function" ? "a function" : String(value);
}

const MOST = 8;

/** The first few of these, described, and how many more there are. */
export function describeAll(values: Iterable<unknown>): string {
  const shown: string[] = [];
  let count = 0;
  for (const value of values) if (count++ < MOST) shown.push(describe(value));
  if (count === 0) return "none";
  return shown.join(", ") + (count > MOST ? ` and ${count - MOST} more` : "");
}

/** A shape or strides as in PyTorch's messages. */
export function describeSizes(sizes: readonly number[]): string {
  const more = sizes.length > MOST ? `, ... ${sizes.length} in all` : "";
  return `[${sizes.slice(0, MOST).join(", ")}${more}]`;
}

const PLAIN = /^[\w./+-]{1,120}$/;
const LONGEST = 120;
/** Controls and marks of direction, which JSON's escapes leave as they are. */
const OBEYED = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

function name(text: string): string {
  if (PLAIN.test(text)) return text;
  const cut = text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text;
  return JSON.stringify(cut).replace(
    OBEYED,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
