import { FileFormatError } from "../../io/file-format-error.js";
import { readSafetensors, type Safetensors, writeSafetensors } from "../../io/safetensors.js";
import type { StateDict } from "../../io/state-dict.js";
import type { Classifier } from "../../models/classifier.js";
import { stateDict } from "../../nn/state-dict.js";
import {
  FormatError,
  integer,
  listOf,
  number,
  object,
  parse,
  parseJson,
  type Schema,
  text,
  type ValueOf,
} from "../../schema/index.js";
import type { PausedFit } from "../../training/pause.js";
import type { ModelConfiguration } from "./configuration.js";
import { variantsSchema } from "./variants.js";
import { version } from "./version.js";

/** A model as a safetensors file with PyTorch's names and layout. */
export async function encodeCheckpoint(
  model: Classifier,
  configuration: ModelConfiguration,
): Promise<Uint8Array> {
  const settings = Object.entries(configuration).map(([name, value]) => [name, asText(value)]);
  const metadata = { ...Object.fromEntries(settings), shiftgrad: version };
  return writeSafetensors(await stateDict(model), metadata);
}

const asText = (value: unknown): string =>
  typeof value === "string" ? value : JSON.stringify(value);

/** What an attack's triggers are drawn with, as a safetensors file. */
export const encodeAttack = (state: StateDict): Uint8Array =>
  writeSafetensors(state, { shiftgrad: version });

/** @throws FormatError when the file is none of tensors */
export const decodeCheckpoint = (bytes: Uint8Array, where: string): StateDict =>
  read(bytes, where).tensors;

function read(bytes: Uint8Array, where: string): Safetensors {
  try {
    // Names come back as they were written, whatever a model calls its modules.
    return readSafetensors(bytes, { wrappers: "keep" });
  } catch (cause) {
    if (!(cause instanceof FileFormatError)) throw cause;
    throw new FormatError(`${where}: ${cause.message}`, { cause });
  }
}

const momentumName = "optimizer.momentum";

/** On what a training got as far as it is. */
const ranOnSchema = object({
  device: object({ name: text({}), features: listOf(text({})) }),
  /** Kernel variants that ran and were not presets. */
  variants: variantsSchema,
});
export type RanOn = ValueOf<typeof ranOnSchema>;

const progressSchema = object({ epochs: integer({ min: 1 }), loss: number({}) });
const scaleSchema = object({
  scale: number({}),
  goodSteps: integer({ min: 0 }),
  skippedSteps: integer({ min: 0 }),
});

/** Before the names of what belongs to the step's other model number `i`. */
const otherPrefix = (i: number): string => `other ${i}: `;

/**
 * A paused training as one safetensors file: models, what their optimizers hold, loss scale, epochs
 * done.
 */
export function encodeState(state: PausedFit, ranOn: RanOn): Uint8Array {
  const { epochs, loss, lossScale, others = [] } = state;
  const tensors: StateDict = new Map();
  for (const [i, { model, optimizer }] of [state, ...others].entries()) {
    const prefix = i === 0 ? "" : otherPrefix(i);
    for (const [name, tensor] of model) tensors.set(prefix + name, tensor);
    const held = { dtype: "F32", shape: [optimizer.length], data: optimizer } as const;
    tensors.set(prefix + momentumName, held);
  }
  const scale: Record<string, string> = lossScale ? { lossScale: JSON.stringify(lossScale) } : {};
  const progress = { epochs: String(epochs), loss: String(loss) };
  return writeSafetensors(tensors, { ...progress, ...scale, ranOn: JSON.stringify(ranOn) });
}

/**
 * The training, and on what it ran; null where the file is from before that was noted.
 *
 * @param where the file's name, for error messages
 * @throws FormatError when the file is not one that `encodeState` made
 */
export function decodeState(
  bytes: Uint8Array,
  where: string,
): { state: PausedFit; ranOn: RanOn | null } {
  const { tensors, metadata } = read(bytes, where);
  const said = { epochs: written(metadata.epochs), loss: written(metadata.loss) };
  const progress = parse(progressSchema, said, where, "record");
  const others: Pick<PausedFit, "model" | "optimizer">[] = [];
  while (tensors.has(otherPrefix(others.length + 1) + momentumName)) {
    others.push(take(tensors, otherPrefix(others.length + 1), where));
  }
  const { lossScale, ranOn } = metadata;
  const inJson = <T>(schema: Schema<T>, text: string): T =>
    parse(schema, parseJson(text, `${where}: metadata`), `${where}: metadata`, "record");
  const state: PausedFit = {
    ...progress,
    ...take(tensors, "", where),
    ...(others.length > 0 && { others }),
    ...(lossScale !== undefined && { lossScale: inJson(scaleSchema, lossScale) }),
  };
  return { state, ranOn: ranOn === undefined ? null : inJson(ranOnSchema, ranOn) };
}

/** Takes out what belongs to one of the step's models. */
function take(tensors: StateDict, prefix: string, where: string) {
  const model: StateDict = new Map();
  for (const [name, tensor] of [...tensors]) {
    if (!name.startsWith(prefix)) continue;
    model.set(name.slice(prefix.length), tensor);
    tensors.delete(name);
  }
  const optimizer = model.get(momentumName)?.data;
  model.delete(momentumName);
  if (optimizer instanceof Float32Array) return { model, optimizer };
  throw new FormatError(
    `${where} has no ${prefix}${momentumName} in F32: it holds no paused training`,
  );
}

/** A number that was written as text; what is none stays as it is. */
const written = (text: string | undefined): number | string | undefined =>
  /^-?\d+(\.\d+)?(e[+-]\d+)?$/.test(text ?? "") ? Number(text) : text;
