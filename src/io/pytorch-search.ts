import { describe, describeAll } from "./describe.js";
import { Opaque } from "./pickle-values.js";
import { fail, isTensor, UnreadableTensor } from "./pytorch-tensors.js";
import { COST, type ReadBudget } from "./read-budget.js";

/** Under what names checkpoints keep a model's state_dict, the likeliest first. */
export const USUAL_KEYS = [
  "state_dict",
  "model_state_dict",
  "model_state",
  "model",
  "net",
  "network",
  "netC",
  "module",
  "state_dict_ema",
  "model_ema",
] as const;

/** A dict of tensors in what was saved, and the way to it: "" is the saved object itself. */
export interface Found {
  readonly key: string;
  readonly dict: ReadonlyMap<unknown, unknown>;
  /** Other dicts under usual keys, which were not taken. */
  readonly others: readonly string[];
}

type Dict = ReadonlyMap<unknown, unknown>;

function holdsTensors(value: unknown): value is Dict {
  if (!(value instanceof Map)) return false;
  for (const item of value.values()) if (isTensor(item)) return true;
  return false;
}

/** Usual keys within usual keys: `checkpoint["model"]["state_dict"]`. */
const DEEPEST = 3;

/**
 * The state_dict: the dict under the first usual key that leads to tensors, before the root itself.
 * @throws FileFormatError when there is none, or when the root and a dict under an unusual key both
 *   hold tensors
 */
export function search(root: unknown, budget: ReadBudget): Found {
  const found = usual(root, "", 0, budget);
  if (found.length > 0) {
    const [{ key, dict }, ...others] = found as [Candidate, ...Candidate[]];
    return { key, dict, others: others.map((other) => other.key) };
  }
  const all = candidates(root, budget);
  const keys = all.map(({ key }) => key);
  if (!holdsTensors(root)) return fail(nothingFound(root, keys));
  const inside = all.filter(({ key }) => key !== "" && !key.includes("."));
  if (inside.length > 0) {
    fail(
      `tensors lie in the saved dict itself and under ${describeAll(inside.map((c) => c.key))}; ` +
        'say which with the option key (key: "" is the dict itself)',
    );
  }
  return { key: "", dict: root, others: [] };
}

interface Candidate {
  readonly key: string;
  readonly dict: Dict;
}

/** The dicts of tensors under usual keys, in their order. */
function usual(value: unknown, at: string, depth: number, budget: ReadBudget): Candidate[] {
  if (!(value instanceof Map) || depth > DEEPEST) return [];
  return USUAL_KEYS.flatMap((name) => {
    const child: unknown = value.get(name);
    if (!(child instanceof Map)) return [];
    budget.step(1 + child.size);
    const key = at === "" ? name : `${at}.${name}`;
    const within = usual(child, key, depth + 1, budget);
    return holdsTensors(child) ? [...within, { key, dict: child }] : within;
  });
}

/** The root and what lies less deep than this is looked through for a message's sake. */
const LOOKED_THROUGH = 4;
const MOST_CANDIDATES = 1000;

/** Dicts of tensors under any keys, from the root downwards. */
function candidates(root: unknown, budget: ReadBudget): Candidate[] {
  const found: Candidate[] = [];
  const seen = new Set<unknown>();
  let level: { key: string; value: unknown }[] = [{ key: "", value: root }];
  for (let depth = 0; depth < LOOKED_THROUGH; depth++) {
    const below: typeof level = [];
    for (const { key, value } of level) {
      if (seen.has(value) || found.length >= MOST_CANDIDATES) continue;
      seen.add(value);
      if (holdsTensors(value)) found.push({ key, dict: value });
      const inner = value instanceof Map || Array.isArray(value) ? [...value.entries()] : [];
      budget.step(1 + inner.length);
      budget.allocate(COST.list * inner.length, "a look for dicts of tensors");
      for (const [part, item] of inner) {
        if (!(item instanceof Map) && !Array.isArray(item)) continue;
        if (typeof part === "string" || typeof part === "number") {
          below.push({ key: key === "" ? String(part) : `${key}.${part}`, value: item });
        }
      }
    }
    level = below;
  }
  return found;
}

function nothingFound(root: unknown, keys: readonly string[]): string {
  if (keys.length > 0) {
    const where = root instanceof Map ? `under its keys ${describeAll(root.keys())}` : "in it";
    return `no state_dict ${where}; name it with the option key: tensors lie under ${describeAll(keys)}`;
  }
  const save = "save model.state_dict() with torch.save";
  if (root instanceof Map) {
    const opaque = [...root].filter(([, value]) => value instanceof Opaque);
    const first = opaque[0];
    const what =
      first === undefined
        ? ""
        : `; ${describe(first[0])} is ${describe(first[1])}${notRun(first[1])}`;
    return `it holds no dict of tensors under its keys ${describeAll(root.keys())}${what}; ${save}`;
  }
  return `it holds no dict of tensors, but ${describe(root)}${notRun(root)}; ${save}`;
}

const notRun = (value: unknown): string =>
  value instanceof Opaque && !(value instanceof UnreadableTensor) ? ", which is not run" : "";

/**
 * The dict at a path of keys and list indices, joined by dots; a key may hold dots itself.
 * @throws FileFormatError that names the part which is not there, and what is
 */
export function lookUp(root: unknown, key: string): Found {
  let [value, rest]: [unknown, string | undefined] = [root, key === "" ? undefined : key];
  while (rest !== undefined) {
    const step = stepInto(value, rest);
    if (step === undefined) {
      const part = rest.split(".")[0];
      const keys = value instanceof Map ? `the keys there are ${describeAll(value.keys())}` : "";
      const index = Array.isArray(value) ? `there is a list of ${value.length}` : keys;
      const where = index === "" ? `there is ${describe(value)}, which has no keys` : index;
      return fail(`there is no ${describe(part)} on the way to ${describe(key)}; ${where}`);
    }
    [value, rest] = step;
  }
  if (holdsTensors(value)) return { key, dict: value, others: [] };
  const what = key === "" ? "the saved object" : describe(key);
  return fail(`${what} holds no tensors: it is ${describe(value)}${notRun(value)}`);
}

/** The value under the longest beginning of the path that is a key, and what is left of the path. */
function stepInto(value: unknown, path: string): [unknown, string | undefined] | undefined {
  if (!(value instanceof Map) && !Array.isArray(value)) return undefined;
  for (let end = path.length; end > 0; end = path.lastIndexOf(".", end - 1)) {
    const [part, rest] = [path.slice(0, end), path.slice(end + 1)];
    const left = end === path.length ? undefined : rest;
    if (value instanceof Map && value.has(part)) return [value.get(part), left];
    const index = /^\d+$/.test(part) ? Number(part) : Number.NaN;
    if (value instanceof Map && value.has(index)) return [value.get(index), left];
    if (Array.isArray(value) && index < value.length) return [value[index], left];
  }
  return undefined;
}
