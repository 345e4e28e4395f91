import type { TuningMethod } from "./tuning.js";

/** Feature shift tuning (FST paper, algorithm 1): FT-init, and the head is pushed away from W_ori. */
export const featureShiftTuning: TuningMethod = {
  name: "fst",
  title: "FST",
  doc: "re-draws the head, pushes it away from the original and tunes the whole model",
  redrawHead: true,
  tuned: "all",
  shift: true,
};
