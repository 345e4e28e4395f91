import { number } from "../schema/index.js";
import { defineAttack } from "./attack.js";
import { addColoured, checkColour, dctPattern, middleAndHighest } from "./frequency.js";

/**
 * CTRL: in YUV the coefficients (15, 15) and (31, 31) of the 2-D DCT of a 32x32 image get `magnitude`
 * more, in U and V, on images of the target class only, labels kept; other sizes take the middle and
 * the highest ones. Both transforms are linear: the coefficients' pictures d are added to red 1.14 d,
 * green -(0.395 + 0.581) d, blue 2.033 d. What leaves 0 .. 255 is held there (the published code lets
 * it wrap round).
 */
export const ctrl = defineAttack({
  name: "ctrl",
  title: "CTRL",
  kind: "clean-label",
  doc: "two frequencies added to the colours of images of the target class, labels kept",
  source:
    "Li et al., An Embarrassingly Simple Backdoor Attack on Self-supervised Learning, ICCV 2023",
  options: {
    magnitude: number({ default: 100, doc: "added to the coefficients in training" }),
    testMagnitude: number({ default: 100, doc: "added when it fires" }),
  },
  make(shape, { magnitude, testMagnitude }) {
    checkColour("ctrl", shape);
    const patterns = [magnitude, testMagnitude].map((size) =>
      dctPattern(shape, middleAndHighest(shape), size),
    );
    return (image, _, phase) =>
      addColoured(image, patterns[phase === "test" ? 1 : 0] ?? new Float64Array(), [
        ...([1.14, -(0.395 + 0.581), 2.033] as const),
      ]);
  },
});
