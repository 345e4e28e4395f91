export { type Augmentation, BatchInput, noAugmentation } from "./batch-input.js";
export { type EpochProgress, type FitOptions, fit, type StepProgress } from "./fit.js";
export { type PausedFit, type PauseHooks, pausable } from "./pause.js";
export { checkPrecision, MixedPrecision, type Precision, precisions } from "./precision.js";
export { accuracy, type PredictOptions, predict } from "./predict.js";
export { type StepOptions, TrainStep } from "./step.js";
