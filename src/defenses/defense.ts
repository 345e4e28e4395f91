import type { Labelled } from "../data/image-set.js";
import type { Images } from "../data/image-source.js";
import type { Device } from "../device/device.js";
import { OptionError } from "../device/errors.js";
import type { Classifier } from "../models/classifier.js";
import { placementOf } from "../nn/place.js";
import {
  type Definition,
  type Fields,
  type Given,
  settings,
  type Values,
} from "../schema/index.js";
import type { StepProgress } from "../training/fit.js";
import { checkModelData } from "../training/model-data.js";
import type { PauseHooks } from "../training/pause.js";

/** What a defense tells while it goes on, and what it goes on from. */
export interface DefenseHooks extends PauseHooks {
  /** Kernels compiled before the first step; see `FitOptions`. */
  readonly onCompile?: (done: number, all: number) => void;
  readonly onStep?: (progress: StepProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * A purification method that people choose by name (docs/extending.md). It gets a model and clean
 * images and nothing else: it never sees the trigger.
 */
export interface DefenseDefinition<F extends Fields = Fields> extends Definition<F> {
  /** Throws when it cannot run there or so, before anything is changed or written. */
  check?(device: Device, clean: Images, options: Values<F>): void;
  /** How many epochs it runs, where it goes by epochs: it goes on after the last that is done. */
  epochs?(options: Values<F>): number;
  /**
   * What it costs at most, in passes over as many images as the clean set has. A forward pass, a
   * backward one to the activations and one to the weights are a third each.
   */
  passes(options: Values<F>, clean: Labelled): number;
  /**
   * Purifies the placed model in place and leaves it in evaluation mode.
   *
   * @throws ModelDataError when the images are not such as the model takes, before anything is changed
   * @throws NonFiniteError when the model is or becomes NaN or infinite
   */
  run(model: Classifier, clean: Images, options?: Given<F>, hooks?: DefenseHooks): Promise<void>;
}

/** What `defineDefense` takes: `run` gets its options complete and checked. */
export interface DefenseSpec<F extends Fields> extends Omit<Definition, "options"> {
  readonly options: F;
  check?(device: Device, clean: Images, options: Values<F>): void;
  /** How many epochs it runs, where it goes by epochs. */
  epochs?(options: Values<F>): number;
  /** See `DefenseDefinition`. Default: as many as epochs. */
  passes?(options: Values<F>, clean: Labelled): number;
  run(
    model: Classifier,
    clean: Images,
    options: Values<F>,
    hooks: DefenseHooks,
  ): void | Promise<void>;
}

/** @throws OptionError when the definition says neither its epochs nor its passes */
export function defineDefense<const F extends Fields>(spec: DefenseSpec<F>): DefenseDefinition<F> {
  const options = settings(`defense ${spec.name}`, spec.options);
  const passes = spec.passes ?? spec.epochs;
  if (!passes) {
    throw new OptionError(
      `defense ${spec.name}: say what it costs, by \`passes\` or, if it goes by epochs, \`epochs\``,
    );
  }
  return {
    ...spec,
    options,
    passes,
    async run(model, clean, given, hooks = {}) {
      const complete = options.fill(given);
      checkModelData(spec.name, model, clean);
      spec.check?.(placementOf(model).device, clean, complete);
      await spec.run(model, clean, complete, hooks);
    },
  };
}
