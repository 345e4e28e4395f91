import type { ImageShape } from "../data/image-set.js";
import { imageBytes } from "../data/image-set.js";

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
  /** All it takes to make the same attack again, for run records. */
  readonly parameters: Readonly<Record<string, number | string | boolean>>;
  /**
   * The triggered copy of an image.
   * @param image [height, width, channels] bytes of `shape`, left as they are
   * @param index the image's position in its set, for triggers that differ from image to image
   */
  apply(image: Uint8Array, index: number, phase: AttackPhase): Uint8Array;
}

/** @throws RangeError when `image` is not of the shape that `attack` was made for */
export function checkImage(attack: string, shape: ImageShape, image: Uint8Array): void {
  if (image.length !== imageBytes(shape)) {
    throw new RangeError(
      `${attack}: an image of ${image.length} bytes, but the trigger was made for ` +
        `${shape.height}x${shape.width}x${shape.channels} = ${imageBytes(shape)} bytes`,
    );
  }
}
