import type { VariantMap } from "../choices.js";

/** Choices cannot be kept or found where they were to be: the message says why, and what to do. */
export class TuneStoreError extends Error {
  override name = "TuneStoreError";
}

/** Where choices outlive the process: `fileTuneStore` in Node, `indexedDbTuneStore` in a browser. */
export interface TuneStore {
  /** The text kept last; null if there is none. */
  load(): Promise<string | null>;
  /** Replaces the text by what `change` makes of it. Nobody else replaces it in between. */
  update(change: (kept: string | null) => string): Promise<void>;
}

/** What a store has for an adapter. */
export interface StoredChoices {
  readonly choices: VariantMap;
  /** Choices that are passed over because they were measured with other kernels. */
  readonly stale: number;
}

/** What was measured on one adapter, and `kernelCode()` at that time. */
interface Entry {
  readonly kernels: string;
  readonly choices: VariantMap;
}

/** Reads a store's text. What is broken, or another program's, counts as empty. */
export function storedChoices(
  text: string | null,
  adapter: string,
  kernels: string,
): StoredChoices {
  const entry = entryOf(parse(text)[adapter]);
  if (entry?.kernels === kernels) return { choices: entry.choices, stale: 0 };
  return { choices: {}, stale: Object.keys(entry?.choices ?? {}).length };
}

/** A store's text with choices added for an adapter; they push out those of other kernels. */
export function withChoices(
  text: string | null,
  adapter: string,
  kernels: string,
  added: VariantMap,
): string {
  const { choices } = storedChoices(text, adapter, kernels);
  const entry: Entry = { kernels, choices: { ...choices, ...added } };
  return JSON.stringify({ ...parse(text), [adapter]: entry }, null, 2);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function parse(text: string | null): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text ?? "{}");
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

function entryOf(value: unknown): Entry | null {
  if (!isObject(value) || typeof value.kernels !== "string" || !isObject(value.choices)) {
    return null;
  }
  const named = (pair: [string, unknown]): pair is [string, string] => typeof pair[1] === "string";
  const choices = Object.fromEntries(Object.entries(value.choices).filter(named));
  return { kernels: value.kernels, choices };
}
