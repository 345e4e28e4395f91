import { Conv2d } from "./layers.js";
import type { Module } from "./module.js";

/**
 * Channels of the images that a model takes, without padding: those of its image convolutions
 * (`Conv2d` with `image: true`). Undefined for a model that has none, or several that differ.
 */
export function inputChannels(model: Module): number | undefined {
  const found = new Set(
    model.modules().flatMap(([, m]) => (m instanceof Conv2d && m.takesImages ? m.inChannels : [])),
  );
  const [channels] = found;
  return found.size === 1 ? channels : undefined;
}
