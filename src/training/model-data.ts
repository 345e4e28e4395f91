import { imageSet } from "../data/image-set.js";
import { type Images, imageSource } from "../data/image-source.js";
import { Classifier } from "../models/classifier.js";
import { inputChannels } from "../nn/input-channels.js";
import type { Module } from "../nn/module.js";

/** A model and data that do not belong together; the message has both numbers and the remedy. */
export class ModelDataError extends Error {
  override name = "ModelDataError";
}

/**
 * Checks that a model can take a set's images and, if it is a classifier, that it has the set's
 * classes: before anything runs. Names the operation in errors.
 *
 * @throws ModelDataError when the set is empty, or channels, size or classes are not the model's
 * @throws RangeError when the set contradicts itself: see `imageSet`
 */
export function checkModelData(operation: string, model: Module, set: Images): void {
  const fail = (message: string): never => {
    throw new ModelDataError(`${operation}: ${message}`);
  };
  if ("images" in set) imageSet(set);
  else imageSource(set);
  if (set.labels.length === 0) fail(`${set.name} has no images; choose a larger part of it`);
  const channels = inputChannels(model);
  if (channels !== undefined && channels !== set.channels) {
    fail(
      `the model takes images of ${count(channels, "channel")}, those of ${set.name} have ` +
        `${set.channels}; convert the images, or make the model with inChannels: ${set.channels}`,
    );
  }
  if (!(model instanceof Classifier)) return;
  const { height, width } = model.inputSize ?? set;
  if (height !== set.height || width !== set.width) {
    fail(
      `the model takes images of ${height}x${width} pixels, those of ${set.name} have ` +
        `${set.height}x${set.width}; resize the images`,
    );
  }
  if (model.classes !== set.classes.length) {
    fail(
      `the model tells ${model.classes} classes apart, ${set.name} has ` +
        `${set.classes.length}; make the model with classes: ${set.classes.length}, or give it ` +
        "the images that it was made for",
    );
  }
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;
