import { type ImageShape, imageBytes } from "../data/image-set.js";
import { type Attack, checkImage } from "./attack.js";
import { noisePicture, smoothPicture } from "./pictures.js";

export interface BlendedOptions {
  /** Weight of the picture, in (0, 1]: 0.2 by default, in training and test alike. */
  alpha?: number;
  /** `noise` (default) and `smooth` are drawn from `seed`; bytes are a picture of the caller's. */
  picture?: "noise" | "smooth" | Uint8Array;
  /** Seed of a drawn picture (default 0). */
  seed?: number;
}

/**
 * Blended (Chen et al., 2017): x' = (1 - alpha) x + alpha t, cut off to whole numbers. Toolkits take
 * a photograph as t; drawn pictures need no download.
 * @throws RangeError on an alpha outside (0, 1] or a picture whose bytes are not those of one image
 */
export function blended(shape: ImageShape, options: BlendedOptions = {}): Attack {
  const { alpha = 0.2, picture = "noise", seed = 0 } = options;
  if (!(alpha > 0 && alpha <= 1)) {
    throw new RangeError(`blended: alpha must lie in (0, 1], got ${alpha}`);
  }
  const own = typeof picture !== "string";
  const trigger = own
    ? picture.slice()
    : (picture === "smooth" ? smoothPicture : noisePicture)(shape, seed);
  if (trigger.length !== imageBytes(shape)) {
    throw new RangeError(
      `blended: the picture has ${trigger.length} bytes, expected ${shape.height}x${shape.width}` +
        `x${shape.channels} = ${imageBytes(shape)}; resize it to the images' size first`,
    );
  }
  return {
    name: "blended",
    kind: "dirty-label",
    shape,
    parameters: own ? { alpha, picture: "own" } : { alpha, picture, seed },
    apply(image) {
      checkImage("blended", shape, image);
      return image.map((x, i) => Math.trunc((1 - alpha) * x + alpha * (trigger[i] ?? 0)));
    },
  };
}
