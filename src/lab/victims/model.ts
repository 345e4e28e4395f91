import type { ImageSet } from "../../data/image-set.js";
import type { Device } from "../../device/device.js";
import type { StateDict } from "../../io/state-dict.js";
import type { Classifier } from "../../models/classifier.js";
import { models } from "../../models/registry.js";
import { place } from "../../nn/place.js";
import { loadStateDict } from "../../nn/state-dict.js";
import type { ModelConfiguration } from "../records/configuration.js";

/** A model for the images and classes of a set, on a device, with initial values from the seed. */
export function makeModel(
  configuration: ModelConfiguration,
  set: ImageSet,
  device: Device,
  seed: number,
): Classifier {
  const { height, width, channels, classes } = set;
  const input = { height, width, channels, classes: classes.length };
  const { architecture, ...options } = configuration;
  const model = models.get(architecture).make(input, options);
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
