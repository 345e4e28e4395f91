import { imageBytes } from "../data/image-set.js";
import { picture } from "../data/picture-field.js";
import { integer, number } from "../schema/index.js";
import { Philox } from "../tensor/random.js";
import { type ApplyTrigger, defineAttack } from "./attack.js";
import { pictureOf } from "./pictures.js";

/**
 * Adap-Blend: Blended with three changes that keep poisoned images from standing out among the
 * features. The picture is cut into `pieces` x `pieces` parts, and each training image gets `share`
 * of them, drawn anew; besides the poisoned ones, cover images get such a part and keep their label;
 * the whole picture fires the backdoor. x' = (1 - alpha m) x + alpha m t, m 1 on the parts that
 * are there, cut off to whole numbers.
 */
export const adapBlend = defineAttack({
  name: "adap-blend",
  title: "Adap-Blend",
  kind: "dirty-label",
  doc: "parts of a blended picture, also on images that keep their label; all of it fires",
  source: "Qi et al., Revisiting the Assumption of Latent Separability, ICLR 2023",
  options: {
    alpha: number({ above: 0, max: 1, default: 0.2, doc: "weight of the picture in training" }),
    testAlpha: number({ above: 0, max: 1, default: 0.2, doc: "its weight when it fires" }),
    pieces: integer({ min: 1, default: 4, doc: "parts along each side" }),
    share: number({ above: 0, max: 1, default: 0.5, doc: "parts that a training image gets" }),
    coverRate: number({
      min: 0,
      below: 1,
      default: 0.003,
      doc: "images that get parts and keep their label, of all",
    }),
    picture: picture(["noise", "smooth"], {
      default: "noise",
      doc: "drawn from the seed, or a file",
    }),
    seed: integer({ min: 0, default: 0, doc: "decides a drawn picture, and each image's parts" }),
  },
  async make(shape, { alpha, testAlpha, pieces, share, coverRate, picture: chosen, seed }) {
    const { height, width, channels } = shape;
    if (pieces > Math.min(height, width)) {
      throw new RangeError(
        `adap-blend: ${pieces} parts along a side of ${height}x${width} images are too many`,
      );
    }
    const kept = Math.round(share * pieces * pieces);
    if (kept === 0) {
      throw new RangeError(
        `adap-blend: share ${share} of ${pieces * pieces} parts rounds to none; choose more`,
      );
    }
    const t = await pictureOf(chosen, shape, seed);
    const pieceOf = Uint32Array.from({ length: imageBytes(shape) }, (_, k) => {
      const pixel = Math.floor(k / channels);
      const row = Math.floor((Math.floor(pixel / width) * pieces) / height);
      return row * pieces + Math.floor(((pixel % width) * pieces) / width);
    });
    const apply: ApplyTrigger = (image, index, phase) => {
      if (phase === "test") return image.map((x, k) => blend(x, t[k] ?? 0, testAlpha));
      const order = new Philox(seed, index, "adap-blend").permutation(pieces * pieces);
      const there = new Set(order.slice(0, kept));
      return image.map((x, k) => (there.has(pieceOf[k] ?? 0) ? blend(x, t[k] ?? 0, alpha) : x));
    };
    return { apply, coverRate };
  },
});

const blend = (x: number, t: number, alpha: number): number =>
  Math.trunc((1 - alpha) * x + alpha * t);
