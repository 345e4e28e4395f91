import type { TuningMethod } from "./tuning.js";

/** Feature-extractor tuning: the head is re-drawn and frozen, so the features must move. */
export const featureTuning: TuningMethod = {
  name: "fe-tuning",
  title: "FE-tuning",
  doc: "re-draws the head, freezes it and tunes the features",
  redrawHead: true,
  tuned: "features",
  shift: false,
};
