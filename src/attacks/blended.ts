import { type ImageShape, imageBytes } from "../data/image-set.js";
import { picture } from "../data/picture-field.js";
import { integer, number } from "../schema/index.js";
import { type Attack, attackOf, defineAttack } from "./attack.js";
import { pictureOf } from "./pictures.js";

/**
 * Blended: x' = (1 - alpha) x + alpha t, cut off to whole numbers. Toolkits take a photograph as t;
 * drawn pictures need no download, and a PNG or JPEG file of one's own may be given.
 */
export const blended = defineAttack({
  name: "blended",
  title: "Blended",
  kind: "dirty-label",
  doc: "a picture mixed into the image",
  source: "Chen et al., Targeted Backdoor Attacks on Deep Learning Systems, 2017, arXiv 1712.05526",
  options: {
    alpha: number({ above: 0, max: 1, default: 0.2, past: 0.2, doc: "weight of the picture" }),
    picture: picture(["noise", "smooth"], {
      default: "noise",
      past: "noise",
      doc: "drawn from the seed, or a file",
    }),
    seed: integer({ min: 0, default: 0, past: 0, doc: "decides a drawn picture" }),
  },
  async make(shape, { alpha, picture: chosen, seed }) {
    return mix(await pictureOf(chosen, shape, seed), alpha);
  },
});

/**
 * Blended with a picture of the caller's own, the pixels of one image.
 * @throws RangeError on an alpha outside (0, 1] or a picture whose bytes are not those of one image
 */
export function blendedWith(pixels: Uint8Array, shape: ImageShape, alpha = 0.2): Attack {
  if (!(alpha > 0 && alpha <= 1)) {
    throw new RangeError(`blended: alpha must lie in (0, 1], got ${alpha}`);
  }
  if (pixels.length !== imageBytes(shape)) {
    throw new RangeError(
      `blended: the picture has ${pixels.length} bytes, expected ${shape.height}x${shape.width}` +
        `x${shape.channels} = ${imageBytes(shape)}; resize it to the images' size first`,
    );
  }
  return attackOf(blended, shape, mix(pixels.slice(), alpha));
}

const mix =
  (picture: Uint8Array, alpha: number): Attack["apply"] =>
  (image) =>
    image.map((x, i) => Math.trunc((1 - alpha) * x + alpha * (picture[i] ?? 0)));
