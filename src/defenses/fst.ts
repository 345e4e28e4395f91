import { tuningDefense } from "./tuning.js";

/** Feature shift tuning (FST paper, algorithm 1): FT-init, and the head is pushed away from W_ori. */
export const featureShiftTuning = tuningDefense({
  name: "fst",
  title: "FST",
  doc: "re-draws the head, pushes it away from the original and tunes the whole model",
  source: "Min et al., Towards Stable Backdoor Purification, 2023, arXiv 2310.01875",
  redrawHead: true,
  tuned: "all",
  shift: true,
});
