import { tuningDefense } from "./tuning.js";

/** Feature-extractor tuning: the head is re-drawn and frozen, so the features must move. */
export const featureTuning = tuningDefense({
  name: "fe-tuning",
  title: "FE-tuning",
  doc: "re-draws the head, freezes it and tunes the features",
  source: "Min et al., Towards Stable Backdoor Purification, 2023, arXiv 2310.01875",
  redrawHead: true,
  tuned: "features",
  shift: false,
});
