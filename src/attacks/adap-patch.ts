import { type ImageShape, imageBytes } from "../data/image-set.js";
import { integer, number } from "../schema/index.js";
import { Philox } from "../tensor/random.js";
import { type ApplyTrigger, defineAttack } from "./attack.js";
import { noisePicture } from "./pictures.js";

/** A patch's opacity in training, and the rectangles [top, left, height, width] of a 32x32 image. */
interface Patch {
  readonly opacity: number;
  readonly places: readonly (readonly [number, number, number, number])[];
}

/** The sizes and opacities of the published patches; what is on them is drawn from the seed. */
const patches: readonly Patch[] = [
  { opacity: 0.5, places: [[27, 27, 5, 5]] },
  { opacity: 0.2, places: [[1, 18, 13, 13]] },
  {
    opacity: 0.5,
    places: [
      [1, 1, 3, 3],
      [1, 28, 3, 3],
      [28, 1, 3, 3],
      [28, 28, 3, 3],
    ],
  },
  { opacity: 0.3, places: [[21, 21, 8, 8]] },
];

/** What fires: the first patch in both lower corners, and the third one. */
const firing: Patch["places"] = [[27, 27, 5, 5], [27, 0, 5, 5], ...(patches[2]?.places ?? [])];

/**
 * Adap-Patch: each poisoned or cover image gets one of four patches, half transparent; two of them,
 * opaque, fire the backdoor together. Cover images keep their label, so that no patch alone does it.
 * The published patches are pictures; these have their places and opacities and are coloured noise.
 */
export const adapPatch = defineAttack({
  name: "adap-patch",
  title: "Adap-Patch",
  kind: "dirty-label",
  doc: "one of four half transparent patches, also on images that keep their label; two fire",
  source: "Qi et al., Revisiting the Assumption of Latent Separability, ICLR 2023",
  options: {
    coverRate: number({
      min: 0,
      below: 1,
      default: 0.006,
      doc: "images that get a patch and keep their label, of all",
    }),
    testOpacity: number({ above: 0, max: 1, default: 1, doc: "opacity of what fires" }),
    seed: integer({ min: 0, default: 0, doc: "decides the patches' colours, and each image's" }),
  },
  make(shape, { coverRate, testOpacity, seed }) {
    if (Math.min(shape.height, shape.width) < 5) {
      throw new RangeError(
        `adap-patch: images of ${shape.height}x${shape.width} are too small; they need 5x5 pixels`,
      );
    }
    const colours = noisePicture(shape, seed);
    const masks = patches.map(({ places, opacity }) => maskOf(shape, places, opacity));
    const fires = maskOf(shape, firing, testOpacity);
    const apply: ApplyTrigger = (image, index, phase) => {
      const which = new Philox(seed, index, "adap-patch").integer(patches.length);
      const mask = (phase === "test" ? fires : masks[which]) as Float64Array;
      return image.map((x, k) => {
        const a = mask[k] ?? 0;
        return Math.trunc((1 - a) * x + a * (colours[k] ?? 0));
      });
    };
    return { apply, coverRate };
  },
});

/** The opacity of each byte of an image; places are scaled from 32x32 to its size. */
function maskOf(shape: ImageShape, places: Patch["places"], opacity: number): Float64Array {
  const { height, width, channels } = shape;
  const mask = new Float64Array(imageBytes(shape));
  const scaled = (at: number, extent: number): number => Math.round((at * extent) / 32);
  for (const [top, left, rows, columns] of places) {
    for (let i = scaled(top, height); i < scaled(top + rows, height); i++) {
      const from = (i * width + scaled(left, width)) * channels;
      mask.fill(opacity, from, (i * width + scaled(left + columns, width)) * channels);
    }
  }
  return mask;
}
