import type { VariantMap } from "../device/choices.js";
import type { DeviceInfo } from "../device/device.js";
import { FileFormatError } from "../io/file-format-error.js";
import { readSafetensors, type Safetensors, writeSafetensors } from "../io/safetensors.js";
import type { StateDict } from "../io/state-dict.js";
import type { Classifier } from "../models/classifier.js";
import { stateDict } from "../nn/state-dict.js";
import type { LossScale } from "../optim/loss-scaler.js";
import type { PausedFit } from "../training/pause.js";
import type { ModelConfiguration } from "./configuration.js";
import { Fields, FormatError } from "./fields.js";
import { readVariants } from "./variants.js";
import { version } from "./version.js";

/** A model as a safetensors file with PyTorch's names and layout. */
export async function encodeCheckpoint(
  model: Classifier,
  { architecture, width }: ModelConfiguration,
): Promise<Uint8Array> {
  const metadata = { architecture, width: String(width), shiftgrad: version };
  return writeSafetensors(await stateDict(model), metadata);
}

/** @throws FormatError when the file is none of tensors */
export const decodeCheckpoint = (bytes: Uint8Array, where: string): StateDict =>
  read(bytes, where).tensors;

function read(bytes: Uint8Array, where: string): Safetensors {
  try {
    return readSafetensors(bytes);
  } catch (cause) {
    if (!(cause instanceof FileFormatError)) throw cause;
    throw new FormatError(`${where}: ${cause.message}`, { cause });
  }
}

const momentumName = "optimizer.momentum";

/** On what a training got as far as it is. */
export interface RanOn {
  readonly device: Pick<DeviceInfo, "name" | "features">;
  /** Kernel variants that ran and were not presets. */
  readonly variants: VariantMap;
}

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
  const progress = new Fields(
    { epochs: number(metadata.epochs), loss: number(metadata.loss) },
    where,
  );
  const others: Pick<PausedFit, "model" | "optimizer">[] = [];
  while (tensors.has(otherPrefix(others.length + 1) + momentumName)) {
    others.push(take(tensors, otherPrefix(others.length + 1), where));
  }
  const { lossScale, ranOn } = metadata;
  const state: PausedFit = {
    ...{ epochs: progress.integer("epochs", 1), loss: progress.number("loss") },
    ...take(tensors, "", where),
    ...(others.length > 0 && { others }),
    ...(lossScale !== undefined && { lossScale: readLossScale(json(lossScale, where)) }),
  };
  return { state, ranOn: ranOn === undefined ? null : readRanOn(json(ranOn, where)) };
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
const number = (text: string | undefined): number | string | undefined =>
  /^-?\d+(\.\d+)?(e[+-]\d+)?$/.test(text ?? "") ? Number(text) : text;

/** The fields of an object that was written as JSON. */
function json(text: string, where: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new FormatError(`${where}: its metadata are not JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
  return new Fields(value, `${where}: metadata`);
}

function readRanOn(fields: Fields): RanOn {
  const device = fields.object("device");
  return {
    device: { name: device.string("name"), features: device.strings("features") },
    variants: readVariants(fields),
  };
}

const readLossScale = (fields: Fields): LossScale => ({
  scale: fields.number("scale"),
  goodSteps: fields.integer("goodSteps"),
  skippedSteps: fields.integer("skippedSteps"),
});
