import type { TuningMethod } from "./tuning.js";

/** Fine-tuning of the whole model with a re-drawn head. */
export const fineTuningInit: TuningMethod = {
  name: "ft-init",
  title: "FT-init",
  doc: "re-draws the head and tunes the whole model",
  redrawHead: true,
  tuned: "all",
  shift: false,
};
