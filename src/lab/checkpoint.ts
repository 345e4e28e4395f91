import { readSafetensors, writeSafetensors } from "../io/safetensors.js";
import type { StateDict } from "../io/state-dict.js";
import type { Classifier } from "../models/classifier.js";
import { stateDict } from "../nn/state-dict.js";
import type { LossScale } from "../optim/loss-scaler.js";
import type { PausedFit } from "../training/pause.js";
import type { ModelConfiguration } from "./configuration.js";
import { Fields, FormatError } from "./fields.js";
import { version } from "./version.js";

/** A model as a safetensors file with PyTorch's names and layout. */
export async function encodeCheckpoint(
  model: Classifier,
  { architecture, width }: ModelConfiguration,
): Promise<Uint8Array> {
  const metadata = { architecture, width: String(width), shiftgrad: version };
  return writeSafetensors(await stateDict(model), metadata);
}

export const decodeCheckpoint = (bytes: Uint8Array): StateDict => readSafetensors(bytes).tensors;

const momentumName = "optimizer.momentum";

/** A paused training as one safetensors file: model, momentum, loss scale, epochs done. */
export function encodeState({ epochs, loss, model, momentum, lossScale }: PausedFit): Uint8Array {
  const tensors: StateDict = new Map(model);
  tensors.set(momentumName, { dtype: "F32", shape: [momentum.length], data: momentum });
  const scale: Record<string, string> = lossScale ? { lossScale: JSON.stringify(lossScale) } : {};
  return writeSafetensors(tensors, { epochs: String(epochs), loss: String(loss), ...scale });
}

/** @throws FormatError when the file is not one that `encodeState` made */
export function decodeState(bytes: Uint8Array): PausedFit {
  const { tensors, metadata } = readSafetensors(bytes);
  const momentum = tensors.get(momentumName);
  const [epochs, loss] = [Number(metadata.epochs), Number(metadata.loss)];
  if (!(momentum?.data instanceof Float32Array) || !Number.isInteger(epochs)) {
    throw new FormatError("the file holds no paused training; delete it to start again");
  }
  const model: StateDict = new Map(tensors);
  model.delete(momentumName);
  const state = { epochs, loss, model, momentum: momentum.data };
  if (metadata.lossScale === undefined) return state;
  return { ...state, lossScale: readLossScale(metadata.lossScale) };
}

function readLossScale(text: string): LossScale {
  const fields = new Fields(JSON.parse(text), "the paused training's loss scale");
  return {
    scale: fields.number("scale"),
    goodSteps: fields.integer("goodSteps"),
    skippedSteps: fields.integer("skippedSteps"),
  };
}
