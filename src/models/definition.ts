import {
  type Definition,
  type Fields,
  type Given,
  settings,
  type Values,
} from "../schema/index.js";
import type { Classifier } from "./classifier.js";

/** The images that a model is made for. */
export interface ModelInput {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** How many classes there are. */
  readonly classes: number;
}

/** A network that people choose by name (docs/extending.md). */
export interface ModelDefinition<F extends Fields = Fields> extends Definition<F> {
  /** The network, without memory: `place` gives it some. */
  make(input: ModelInput, options?: Given<F>): Classifier;
}

/** What `defineModel` takes: `make` gets its options complete. */
export interface ModelSpec<F extends Fields> extends Omit<Definition, "options"> {
  readonly options: F;
  make(input: ModelInput, options: Values<F>): Classifier;
}

export function defineModel<const F extends Fields>(spec: ModelSpec<F>): ModelDefinition<F> {
  const options = settings(`model ${spec.name}`, spec.options);
  return { ...spec, options, make: (input, given) => spec.make(input, options.fill(given)) };
}
