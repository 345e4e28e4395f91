import type { TuningMethod } from "./tuning.js";

/** Vanilla fine-tuning: the baseline that fails at low poisoning rates. */
export const fineTuning: TuningMethod = {
  name: "ft",
  title: "FT",
  doc: "tunes the whole model from the backdoored weights",
  redrawHead: false,
  tuned: "all",
  shift: false,
};
