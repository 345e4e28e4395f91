import { tuningDefense } from "./tuning.js";

/** Vanilla fine-tuning: the baseline that fails at low poisoning rates. */
export const fineTuning = tuningDefense({
  name: "ft",
  title: "FT",
  doc: "tunes the whole model from the backdoored weights",
  source: "Min et al., Towards Stable Backdoor Purification, 2023, arXiv 2310.01875",
  redrawHead: false,
  tuned: "all",
  shift: false,
});
