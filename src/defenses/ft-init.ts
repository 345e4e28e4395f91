import { tuningDefense } from "./tuning.js";

/** Fine-tuning of the whole model with a re-drawn head. */
export const fineTuningInit = tuningDefense({
  name: "ft-init",
  title: "FT-init",
  doc: "re-draws the head and tunes the whole model",
  source: "Min et al., Towards Stable Backdoor Purification, 2023, arXiv 2310.01875",
  redrawHead: true,
  tuned: "all",
  shift: false,
});
