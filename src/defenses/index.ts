import { Registry } from "../schema/index.js";
import { adversarialPruning } from "./anp.js";
import { channelLipschitzness } from "./clp.js";
import { distanceDriven } from "./d3.js";
import type { DefenseDefinition } from "./defense.js";
import { featureTuning } from "./fe-tuning.js";
import { finePruning } from "./fp.js";
import { featureShiftTuning } from "./fst.js";
import { distilledShift } from "./fst-distill.js";
import { fineTuning } from "./ft.js";
import { fineTuningInit } from "./ft-init.js";
import { sharpnessAwareTuning } from "./ft-sam.js";
import { implicitUnlearning } from "./i-bau.js";
import { linearProbing } from "./lp.js";
import { attentionDistillation } from "./nad.js";
import { neuralCleanse } from "./nc.js";
import { neuralPolarizer } from "./npd.js";
import { reconstructivePruning } from "./rnp.js";
import { sharedUnlearning } from "./sau.js";
import { superFineTuning } from "./sft.js";

/** Every purification method by name. */
export const defenses = new Registry<DefenseDefinition>("defense", [
  fineTuning,
  linearProbing,
  featureTuning,
  fineTuningInit,
  featureShiftTuning,
  distilledShift,
  sharpnessAwareTuning,
  superFineTuning,
  distanceDriven,
  attentionDistillation,
  finePruning,
  channelLipschitzness,
  adversarialPruning,
  reconstructivePruning,
  neuralCleanse,
  implicitUnlearning,
  sharedUnlearning,
  neuralPolarizer,
]);

export {
  type DefenseDefinition,
  type DefenseHooks,
  type DefenseSpec,
  defineDefense,
} from "./defense.js";
export {
  anomalyIndices,
  MaskCost,
  type ReversedTrigger,
  reverseTrigger,
} from "./reversed-trigger.js";
export { type Selected, strongest } from "./selection.js";
export {
  alignment,
  projectTo,
  type TuningMethod,
  type TuningOptions,
  tuningDefaults,
  tuningDefense,
  tuningSettings,
} from "./tuning.js";
export {
  adversarialPruning,
  attentionDistillation,
  channelLipschitzness,
  distanceDriven,
  distilledShift,
  featureShiftTuning,
  featureTuning,
  finePruning,
  fineTuning,
  fineTuningInit,
  implicitUnlearning,
  linearProbing,
  neuralCleanse,
  neuralPolarizer,
  reconstructivePruning,
  sharedUnlearning,
  sharpnessAwareTuning,
  superFineTuning,
};
