import { type ImageSet, imageSet } from "../../src/data/image-set.js";
import { readFixture, unpack } from "./fixtures.js";
import { word } from "./random.js";

/** What PyTorch finds when it tunes in one of the ways. */
interface TuningResult {
  /** Cross-entropy before each step, in float64. */
  losses64: number[];
  /** <W, W_ori> at the end. */
  along64: number;
  /** The head's weight at the end. */
  head64: string;
}

interface TuningFile {
  width: number;
  classes: number;
  count: number;
  side: number;
  epochs: number;
  lr: number;
  momentum: number;
  alpha: number;
  mean: number;
  std: number;
  methods: Record<"ft" | "lp" | "fe" | "ft_init" | "fst", TuningResult>;
}

/**
 * Four steps of each tuning method in PyTorch, the whole set being one batch, from the weights of
 * `trainingFixture`; see `tune` in generate.py. The images are such that no value comes so near to a
 * ReLU's kink that float32 might put it on the other side (2e-5 of the layer's values at least):
 * PyTorch's own float32 runs, their weights moved by a part in 1e7, stay within 5e-7 of these losses
 * and 2e-7 of these heads.
 */
export const tuningFixture = (): TuningFile => readFixture("tuning.json") as TuningFile;

/** The head that seed 0 draws for width 8 and 10 classes, which PyTorch's runs start from. */
export const redrawnHead = () =>
  readFixture("redrawn-head.json") as Record<"weight" | "bias", { values: number[] }>;

export const headOf = (result: TuningResult): Float64Array => unpack(result.head64);

/** Bytes whose slanted stripes tell the class, as in generate.py. */
export function tuningImages({ count, side, classes, mean, std }: TuningFile): ImageSet {
  const images = new Uint8Array(count * side * side * 3);
  const labels = Uint32Array.from({ length: count }, (_, i) => i % classes);
  let at = 0;
  for (const k of labels) {
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        for (let c = 0; c < 3; c++) {
          const stripe = (y * (1 + (k % 3)) + x * (1 + Math.floor(k / 3)) + 5 * c + 3 * k) % 8;
          images[at] = 40 + 20 * stripe + (word(79, at) % 40);
          at++;
        }
      }
    }
  }
  return imageSet({
    ...{ name: "stripes", height: side, width: side, channels: 3, images, labels },
    classes: Array.from({ length: classes }, (_, k) => `class ${k}`),
    mean: [mean, mean, mean],
    std: [std, std, std],
  });
}
