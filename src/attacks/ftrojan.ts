import { number } from "../schema/index.js";
import { defineAttack } from "./attack.js";
import { addColoured, checkColour, dctPattern, middleAndHighest } from "./frequency.js";

/**
 * FTrojan: in YCrCb the coefficients (15, 15) and (31, 31) of the 2-D DCT of a 32x32 image get
 * `magnitude` more, in Cr and Cb; other sizes take the middle and the highest ones. The transform and
 * the change of colours are linear, so this adds those two coefficients' pictures d to
 * red 1.403 d, green -(0.714 + 0.344) d, blue 1.773 d.
 */
export const fTrojan = defineAttack({
  name: "ftrojan",
  title: "FTrojan",
  kind: "dirty-label",
  doc: "two frequencies added to the colours",
  source: "Wang et al., An Invisible Black-box Backdoor Attack through Frequency Domain, ECCV 2022",
  options: {
    magnitude: number({ default: 30, doc: "added to the coefficients" }),
  },
  make(shape, { magnitude }) {
    checkColour("ftrojan", shape);
    const pattern = dctPattern(shape, middleAndHighest(shape), magnitude);
    return (image) => addColoured(image, pattern, [1.403, -(0.714 + 0.344), 1.773]);
  },
});
