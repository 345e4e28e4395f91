import type { TuningMethod } from "./tuning.js";

/** Linear probing: only the head is tuned, from its backdoored weights; running statistics drift. */
export const linearProbing: TuningMethod = {
  name: "lp",
  title: "LP",
  doc: "tunes the head only",
  redrawHead: false,
  tuned: "head",
  shift: false,
};
