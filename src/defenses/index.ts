import { featureTuning } from "./fe-tuning.js";
import { featureShiftTuning } from "./fst.js";
import { fineTuning } from "./ft.js";
import { fineTuningInit } from "./ft-init.js";
import { linearProbing } from "./lp.js";

/** Every purification method by name. */
export const methods = [
  fineTuning,
  linearProbing,
  featureTuning,
  fineTuningInit,
  featureShiftTuning,
] as const;

export {
  alignment,
  type DefenseInput,
  projectTo,
  type TuningMethod,
  type TuningOptions,
  tune,
  tuningDefaults,
} from "./tuning.js";
export { featureShiftTuning, featureTuning, fineTuning, fineTuningInit, linearProbing };
