import {
  type Definition,
  type Fields,
  type Given,
  settings,
  type Values,
} from "../schema/index.js";
import type { ImageSet } from "./image-set.js";

export interface TrainAndTest {
  readonly train: ImageSet;
  readonly test: ImageSet;
}

/** Settings of a run that suit a data set, as far as they are other than the defaults. */
export type Recipe = Readonly<Record<string, unknown>>;

/** Where images come from: one of these a set that people choose by name (docs/extending.md). */
export interface DataDefinition<F extends Fields = Fields> extends Definition<F> {
  /** How a victim is trained on it where nothing else is asked for: with what `train` is configured. */
  readonly recipe?: Recipe;
  /** Reads or draws the images. */
  open(options?: Given<F>): Promise<TrainAndTest>;
}

/** What `defineData` takes: `open` gets its options complete. */
export interface DataSpec<F extends Fields> extends Omit<Definition, "options"> {
  readonly options: F;
  readonly recipe?: Recipe;
  open(options: Values<F>): TrainAndTest | Promise<TrainAndTest>;
}

export function defineData<const F extends Fields>(spec: DataSpec<F>): DataDefinition<F> {
  const options = settings(`data ${spec.name}`, spec.options);
  return { ...spec, options, open: async (given) => spec.open(options.fill(given)) };
}
