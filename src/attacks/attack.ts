import { type ImageShape, imageBytes } from "../data/image-set.js";
import type { Images } from "../data/image-source.js";
import type { Device } from "../device/device.js";
import type { StateDict } from "../io/state-dict.js";
import {
  type Definition,
  type Fields,
  type Given,
  settings,
  type Values,
} from "../schema/index.js";
import type { StepProgress } from "../training/fit.js";
import type { InLoop } from "./in-loop.js";

/** `dirty-label`: any image, relabelled; `clean-label`: images of the target class, label kept. */
export type AttackKind = "dirty-label" | "clean-label";

/**
 * What an image is triggered for: to be poisoned, to cover the backdoor (a trigger, and the true
 * label), or to fire it. Some triggers are stronger at test time than in the training images.
 */
export type AttackPhase = "train" | "cover" | "test";

/**
 * The triggered copy of an image.
 * @param image [height, width, channels] bytes, left as they are
 * @param index the image's position in its set, for triggers that differ from image to image
 * @param label the image's true class
 */
export type ApplyTrigger = (
  image: Uint8Array,
  index: number,
  phase: AttackPhase,
  label: number,
) => Uint8Array;

/** The triggered copies of many images at once, [count, height, width, channels]. */
export type ApplyTriggers = (
  images: Uint8Array,
  indices: Uint32Array,
  phase: AttackPhase,
  labels: Uint32Array,
) => Promise<Uint8Array>;

/** What an attack is made of: what `AttackSpec.make` gives where a function is not all of it. */
export interface Trigger {
  readonly apply?: ApplyTrigger;
  /** In place of `apply`, for triggers that a network draws. */
  readonly applyAll?: ApplyTriggers;
  /** Images beside the poisoned ones that get a trigger and keep their label, as a share of all. */
  readonly coverRate?: number;
  /** What it does inside the victim's training. */
  readonly inLoop?: InLoop;
}

/**
 * How an image is triggered. A trigger acts on 8-bit pixels before augmentation and normalisation,
 * as in the published toolkits: training crops and flips it with the image.
 */
export interface Attack {
  readonly name: string;
  readonly kind: AttackKind;
  /** The images it was made for. */
  readonly shape: ImageShape;
  readonly coverRate: number;
  readonly inLoop?: InLoop;
  /**
   * @throws RangeError when `image` is not of that shape, or the trigger is drawn by a network
   *   (`applyAll` then)
   */
  apply: (image: Uint8Array, index: number, phase: AttackPhase, label?: number) => Uint8Array;
  readonly applyAll: ApplyTriggers;
  /** Whether `apply` works: one image after the other, at once. */
  readonly byImage: boolean;
}

/** What the attacker knows when he makes ready: all training images, and which will be poisoned. */
export interface PrepareContext {
  readonly device: Device;
  /** The victim's training images as they are before they are poisoned. */
  readonly train: Images;
  /** Positions of those that will be poisoned, ascending. */
  readonly poisoned: Uint32Array;
  readonly target: number;
  /** Told for each step of a training in it, under the name of the part. */
  readonly onStep?: (part: string, progress: StepProgress) => void;
  readonly signal?: AbortSignal;
}

/** What `prepare` left, and where a network of it may run. */
export interface Prepared {
  readonly state: StateDict;
  readonly device: Device;
}

/** A backdoor that people choose by name (docs/extending.md). */
export interface AttackDefinition<F extends Fields = Fields> extends Definition<F> {
  readonly kind: AttackKind;
  /**
   * Makes ready what the trigger needs beside its options: trains a network, crafts noise. What it
   * gives is kept with the victim, and `make` asks for it. The same images, options and seed give the
   * same state.
   */
  prepare?(context: PrepareContext, options?: Given<F>): Promise<StateDict>;
  /**
   * What can be refused before anything is prepared: options of its own, and images that they do not fit.
   * @throws OptionError on an option that it does not have or take, RangeError on one that does not
   *   fit the images
   */
  check(shape: ImageShape, options?: Given<F>): Promise<void>;
  /**
   * The attack for images of a shape.
   * @param prepared for attacks that have `prepare`
   * @throws as `check`; Error when the prepared state is missing
   */
  make(shape: ImageShape, options?: Given<F>, prepared?: Prepared): Promise<Attack>;
}

type Made = ApplyTrigger | Trigger;

/** What `defineAttack` takes: `make` gets its options complete and gives the trigger alone. */
export interface AttackSpec<F extends Fields> extends Omit<Definition, "options"> {
  readonly kind: AttackKind;
  readonly options: F;
  prepare?(context: PrepareContext, options: Values<F>): Promise<StateDict>;
  /** For attacks that have `prepare`; others are checked by being made. */
  check?(shape: ImageShape, options: Values<F>): void;
  make(shape: ImageShape, options: Values<F>, prepared: Prepared): Made | Promise<Made>;
}

export function defineAttack<const F extends Fields>(spec: AttackSpec<F>): AttackDefinition<F> {
  const options = settings(`attack ${spec.name}`, spec.options);
  const { prepare, check, make, ...described } = spec;
  const nothing: Prepared = {
    state: new Map(),
    get device(): never {
      throw new Error(`${spec.name}: an attack without \`prepare\` is given no device`);
    },
  };
  return {
    ...described,
    options,
    ...(prepare && {
      prepare: (context: PrepareContext, given?: Given<F>) => prepare(context, options.fill(given)),
    }),
    async check(shape, given) {
      const complete = options.fill(given);
      if (prepare) check?.(shape, complete);
      else await make(shape, complete, nothing);
    },
    async make({ height, width, channels }, given, prepared) {
      const shape = { height, width, channels };
      const complete = options.fill(given);
      if (prepare && !prepared) {
        throw new Error(
          `${spec.name}: this attack is prepared first; give \`make\` what \`prepare\` gave, ` +
            "as the victim's run directory keeps it",
        );
      }
      return attackOf(spec, shape, await make(shape, complete, prepared ?? nothing));
    },
  };
}

/** An attack from its trigger; images of another shape are refused. */
export function attackOf(
  { name, kind }: Pick<Attack, "name" | "kind">,
  shape: ImageShape,
  made: Made,
): Attack {
  const trigger: Trigger = typeof made === "function" ? { apply: made } : made;
  const { apply, applyAll, coverRate = 0, inLoop } = trigger;
  const bytes = imageBytes(shape);
  const one: Attack["apply"] = (image, index, phase, label) => {
    if (!apply) {
      throw new RangeError(`${name}: a network draws its triggers, many at once; use applyAll`);
    }
    if (image.length !== bytes) {
      throw new RangeError(
        `${name}: an image of ${image.length} bytes, but the trigger was made for ` +
          `${shape.height}x${shape.width}x${shape.channels} = ${bytes} bytes`,
      );
    }
    if (label === undefined && apply.length > 3) {
      throw new RangeError(`${name}: its trigger differs from class to class; give the label too`);
    }
    return apply(image, index, phase, label ?? 0);
  };
  const many: ApplyTriggers = async (images, indices, phase, labels) => {
    if (images.length !== indices.length * bytes || labels.length !== indices.length) {
      throw new RangeError(
        `${name}: ${indices.length} images of ${bytes} bytes were expected, and their labels; there ` +
          `are ${images.length} bytes and ${labels.length} labels`,
      );
    }
    if (!apply && applyAll) return applyAll(images, indices, phase, labels);
    const out = new Uint8Array(images.length);
    indices.forEach((index, i) => {
      const image = images.subarray(i * bytes, (i + 1) * bytes);
      out.set(one(image, index, phase, labels[i]), i * bytes);
    });
    return out;
  };
  return {
    ...{ name, kind, shape, coverRate, byImage: apply !== undefined },
    ...(inLoop && { inLoop }),
    apply: one,
    applyAll: many,
  };
}
