import type { VariantMap } from "../device/choices.js";
import type { DeviceInfo } from "../device/device.js";
import { readSafetensors, writeSafetensors } from "../io/safetensors.js";
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

/** Names come back as they were written, whatever a model calls its modules. */
const asWritten = { wrappers: "keep" } as const;

export const decodeCheckpoint = (bytes: Uint8Array): StateDict =>
  readSafetensors(bytes, asWritten).tensors;

const momentumName = "optimizer.momentum";

/** On what a training got as far as it is. */
export interface RanOn {
  readonly device: Pick<DeviceInfo, "name" | "features">;
  /** Kernel variants that ran and were not presets. */
  readonly variants: VariantMap;
}

/** A paused training as one safetensors file: model, SGD's momentum, loss scale, epochs done. */
export function encodeState(state: PausedFit, ranOn: RanOn): Uint8Array {
  const { epochs, loss, model, optimizer, lossScale } = state;
  const tensors: StateDict = new Map(model);
  tensors.set(momentumName, { dtype: "F32", shape: [optimizer.length], data: optimizer });
  const scale: Record<string, string> = lossScale ? { lossScale: JSON.stringify(lossScale) } : {};
  const progress = { epochs: String(epochs), loss: String(loss) };
  return writeSafetensors(tensors, { ...progress, ...scale, ranOn: JSON.stringify(ranOn) });
}

/**
 * The training, and on what it ran; null where the file is from before that was noted.
 *
 * @throws FormatError when the file is not one that `encodeState` made
 */
export function decodeState(bytes: Uint8Array): { state: PausedFit; ranOn: RanOn | null } {
  const { tensors, metadata } = readSafetensors(bytes, asWritten);
  const momentum = tensors.get(momentumName);
  const [epochs, loss] = [Number(metadata.epochs), Number(metadata.loss)];
  if (!(momentum?.data instanceof Float32Array) || !Number.isInteger(epochs)) {
    throw new FormatError("the file holds no paused training; delete it to start again");
  }
  const model: StateDict = new Map(tensors);
  model.delete(momentumName);
  const state: PausedFit = {
    ...{ epochs, loss, model, optimizer: momentum.data },
    ...(metadata.lossScale !== undefined && { lossScale: readLossScale(metadata.lossScale) }),
  };
  return { state, ranOn: metadata.ranOn === undefined ? null : readRanOn(metadata.ranOn) };
}

function readRanOn(text: string): RanOn {
  const fields = new Fields(JSON.parse(text), "the paused training's device");
  const device = fields.object("device");
  return {
    device: { name: device.string("name"), features: device.strings("features") },
    variants: readVariants(fields),
  };
}

function readLossScale(text: string): LossScale {
  const fields = new Fields(JSON.parse(text), "the paused training's loss scale");
  return {
    scale: fields.number("scale"),
    goodSteps: fields.integer("goodSteps"),
    skippedSteps: fields.integer("skippedSteps"),
  };
}
