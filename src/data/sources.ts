import { Registry } from "../schema/index.js";
import { cifar10Data } from "./cifar10.js";
import type { DataDefinition } from "./definition.js";
import { syntheticData } from "./synthetic.js";

/** Every source of images by name. */
export const dataSources = new Registry<DataDefinition>("data source", [
  cifar10Data,
  syntheticData,
]);
