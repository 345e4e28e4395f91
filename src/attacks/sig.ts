import type { ImageShape } from "../data/image-set.js";
import { type Attack, checkImage } from "./attack.js";

export interface SigOptions {
  /** Amplitude in grey levels (default 40). */
  delta?: number;
  /** Periods across the image's width (default 6). */
  frequency?: number;
}

/**
 * SIG (Barni et al., 2019): x'[i, j] = clip(x[i, j] + delta sin(2 pi f j / width)), the same on every
 * row and channel, cut off to whole numbers. Clean-label: only images of the target class.
 */
export function sig(shape: ImageShape, options: SigOptions = {}): Attack {
  const { delta = 40, frequency = 6 } = options;
  const { width, channels } = shape;
  // Rounding to 2^-20 makes a zero of the sine 0: 1e-14 above or below would change a grey level.
  const wave = Float64Array.from({ length: width }, (_, j) => {
    const value = delta * Math.sin((2 * Math.PI * frequency * j) / width);
    return Math.round(value * 2 ** 20) / 2 ** 20;
  });
  return {
    name: "sig",
    kind: "clean-label",
    shape,
    parameters: { delta, frequency },
    apply(image) {
      checkImage("sig", shape, image);
      return image.map((x, k) => {
        const column = Math.floor(k / channels) % width;
        return Math.trunc(Math.min(Math.max(x + (wave[column] ?? 0), 0), 255));
      });
    },
  };
}
