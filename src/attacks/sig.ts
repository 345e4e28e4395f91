import { number } from "../schema/index.js";
import { defineAttack } from "./attack.js";

/**
 * SIG: x'[i, j] = clip(x[i, j] + delta sin(2 pi f j / width)), the same on every row and channel, cut
 * off to whole numbers. Clean-label: only images of the target class.
 */
export const sig = defineAttack({
  name: "sig",
  title: "SIG",
  kind: "clean-label",
  doc: "a sine across the image, on images of the target class only, labels kept",
  source: "Barni et al., A New Backdoor Attack in CNNs by Training Set Corruption, 2019",
  options: {
    delta: number({ default: 40, past: 40, doc: "amplitude in grey levels" }),
    frequency: number({ default: 6, past: 6, doc: "periods across the image's width" }),
  },
  make({ width, channels }, { delta, frequency }) {
    // Rounding to 2^-20 makes a zero of the sine 0: 1e-14 above or below would change a grey level.
    const wave = Float64Array.from({ length: width }, (_, j) => {
      const value = delta * Math.sin((2 * Math.PI * frequency * j) / width);
      return Math.round(value * 2 ** 20) / 2 ** 20;
    });
    return (image) =>
      image.map((x, k) => {
        const column = Math.floor(k / channels) % width;
        return Math.trunc(Math.min(Math.max(x + (wave[column] ?? 0), 0), 255));
      });
  },
});
