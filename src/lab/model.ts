import type { ImageSet } from "../data/image-set.js";
import type { Device } from "../device/device.js";
import type { StateDict } from "../io/state-dict.js";
import type { Classifier } from "../models/classifier.js";
import { resnet18, resnet34 } from "../models/resnet.js";
import { place } from "../nn/place.js";
import { loadStateDict } from "../nn/state-dict.js";
import type { ModelConfiguration } from "./configuration.js";

const architecture = { resnet18, resnet34 };

/** A model for the images and classes of a set, on a device, with initial values from the seed. */
export function makeModel(
  configuration: ModelConfiguration,
  set: ImageSet,
  device: Device,
  seed: number,
): Classifier {
  const model = architecture[configuration.architecture]({
    width: configuration.width,
    classes: set.classes.length,
    inChannels: set.channels,
  });
  place(model, device, { seed });
  return model;
}

/** A model with a checkpoint's values. */
export function modelFrom(
  checkpoint: StateDict,
  configuration: ModelConfiguration,
  set: ImageSet,
  device: Device,
): Classifier {
  const model = makeModel(configuration, set, device, 0);
  loadStateDict(model, checkpoint);
  model.eval();
  return model;
}
