export { type Augmentation, BatchInput, noAugmentation } from "./batch-input.js";
export type { StepContext } from "./context.js";
export type { ImageBatch, Moment } from "./feed.js";
export {
  classification,
  type EpochProgress,
  type FitOptions,
  fit,
  type StepProgress,
  type TensorFitOptions,
} from "./fit.js";
export { type PausedFit, type PauseHooks, pausable } from "./pause.js";
export { checkPrecision, MixedPrecision, type Precision, precisions } from "./precision.js";
export { accuracy, type PredictOptions, predict } from "./predict.js";
export { type GradientRule, type Objective, TrainStep, type Update } from "./step.js";
export { type TensorBatch, type TensorSet, tensorSet } from "./tensor-batches.js";
