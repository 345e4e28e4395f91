import { Registry } from "../schema/index.js";
import type { DefenseDefinition } from "./defense.js";
import { featureTuning } from "./fe-tuning.js";
import { featureShiftTuning } from "./fst.js";
import { fineTuning } from "./ft.js";
import { fineTuningInit } from "./ft-init.js";
import { linearProbing } from "./lp.js";

/** Every purification method by name. */
export const defenses = new Registry<DefenseDefinition>("defense", [
  fineTuning,
  linearProbing,
  featureTuning,
  fineTuningInit,
  featureShiftTuning,
]);

export {
  type DefenseDefinition,
  type DefenseHooks,
  type DefenseSpec,
  defineDefense,
} from "./defense.js";
export {
  alignment,
  projectTo,
  type TuningMethod,
  type TuningOptions,
  tuningDefaults,
  tuningDefense,
  tuningSettings,
} from "./tuning.js";
export { featureShiftTuning, featureTuning, fineTuning, fineTuningInit, linearProbing };
