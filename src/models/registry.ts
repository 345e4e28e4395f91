import { Registry } from "../schema/index.js";
import type { ModelDefinition } from "./definition.js";
import { resnet18Model, resnet34Model } from "./resnet-models.js";

/** Every network by name. */
export const models = new Registry<ModelDefinition>("model", [resnet18Model, resnet34Model]);
