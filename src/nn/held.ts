import { ModuleError } from "../device/errors.js";

/**
 * The parts that an object holds in its own properties, and in arrays, maps, sets and plain objects
 * there, in order of definition. Names are joined by dots, indices and keys being names:
 * "layers.0", "heads.left". Other objects are not searched; `onOther` hears of them.
 *
 * @throws ModuleError where a part's name would be ambiguous
 */
export function heldBy<T extends object>(
  owner: object,
  isPart: (value: object) => value is T,
  onOther: (name: string, value: object) => void = () => {},
): [string, T][] {
  const found = new Map<string, T>();
  const open = new Set<object>();
  const visit = (path: readonly unknown[], value: object): void => {
    if (isPart(value)) {
      const name = nameOf(owner, path);
      if (found.has(name)) {
        throw new ModuleError(`${owner.constructor.name}: two of its parts are named "${name}"`);
      }
      found.set(name, value);
      return;
    }
    const entries = entriesOf(value);
    if (!entries) onOther(path.join("."), value);
    else if (!open.has(value)) {
      open.add(value);
      for (const [key, inner] of entries) if (isObject(inner)) visit([...path, key], inner);
      open.delete(value);
    }
  };
  for (const [key, value] of Object.entries(owner)) if (isObject(value)) visit([key], value);
  return [...found];
}

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !ArrayBuffer.isView(value);

function nameOf(owner: object, path: readonly unknown[]): string {
  for (const key of path) {
    const named = typeof key === "number" || (typeof key === "string" && key !== "");
    if (named && !String(key).includes(".")) continue;
    throw new ModuleError(
      `${owner.constructor.name}: a part is held under the key ${JSON.stringify(key) ?? typeof key} ` +
        `(${path.map(String).join(" > ")}); keys must be numbers or words without a dot, because ` +
        "they become the names of parameters",
    );
  }
  return path.join(".");
}

/** What a container holds, or undefined for an object that is none. */
function entriesOf(value: object): Iterable<readonly [unknown, unknown]> | undefined {
  if (Array.isArray(value)) return value.entries();
  if (value instanceof Map) return value;
  if (value instanceof Set) return [...value].entries();
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? Object.entries(value) : undefined;
}
