import { tuningDefense } from "./tuning.js";

/** Linear probing: only the head is tuned, from its backdoored weights; running statistics drift. */
export const linearProbing = tuningDefense({
  name: "lp",
  title: "LP",
  doc: "tunes the head only",
  source: "Min et al., Towards Stable Backdoor Purification, 2023, arXiv 2310.01875",
  redrawHead: false,
  tuned: "head",
  shift: false,
});
