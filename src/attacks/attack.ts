import { type ImageShape, imageBytes } from "../data/image-set.js";
import {
  type Definition,
  type Fields,
  type Given,
  settings,
  type Values,
} from "../schema/index.js";

/** `dirty-label`: any image, relabelled; `clean-label`: images of the target class, label kept. */
export type AttackKind = "dirty-label" | "clean-label";

/** Some triggers are stronger at test time than in the poisoned training images. */
export type AttackPhase = "train" | "test";

/**
 * How an image is triggered. A trigger acts on 8-bit pixels before augmentation and normalisation,
 * as in the published toolkits: training crops and flips it with the image.
 */
export interface Attack {
  readonly name: string;
  readonly kind: AttackKind;
  /** The images it was made for. */
  readonly shape: ImageShape;
  /**
   * The triggered copy of an image.
   * @param image [height, width, channels] bytes of `shape`, left as they are
   * @param index the image's position in its set, for triggers that differ from image to image
   * @throws RangeError when `image` is not of that shape
   */
  apply(image: Uint8Array, index: number, phase: AttackPhase): Uint8Array;
}

/** A backdoor that people choose by name (docs/extending.md). */
export interface AttackDefinition<F extends Fields = Fields> extends Definition<F> {
  readonly kind: AttackKind;
  /**
   * The attack for images of a shape.
   * @throws OptionError on an option that it does not have or take, RangeError on one that does not
   *   fit the images
   */
  make(shape: ImageShape, options?: Given<F>): Promise<Attack>;
}

/** What `defineAttack` takes: `make` gets its options complete and gives the trigger alone. */
export interface AttackSpec<F extends Fields> extends Omit<Definition, "options"> {
  readonly kind: AttackKind;
  readonly options: F;
  make(shape: ImageShape, options: Values<F>): Attack["apply"] | Promise<Attack["apply"]>;
}

export function defineAttack<const F extends Fields>(spec: AttackSpec<F>): AttackDefinition<F> {
  const options = settings(`attack ${spec.name}`, spec.options);
  return {
    ...spec,
    options,
    async make({ height, width, channels }, given) {
      const shape = { height, width, channels };
      return attackOf(spec, shape, await spec.make(shape, options.fill(given)));
    },
  };
}

/** An attack from its trigger; images of another shape are refused. */
export function attackOf(
  { name, kind }: Pick<Attack, "name" | "kind">,
  shape: ImageShape,
  apply: Attack["apply"],
): Attack {
  return {
    ...{ name, kind, shape },
    apply(image, index, phase) {
      if (image.length !== imageBytes(shape)) {
        throw new RangeError(
          `${name}: an image of ${image.length} bytes, but the trigger was made for ` +
            `${shape.height}x${shape.width}x${shape.channels} = ${imageBytes(shape)} bytes`,
        );
      }
      return apply(image, index, phase);
    },
  };
}
