/**
 * shiftgrad in a page or a worker: the whole library but what needs files and processes.
 * @module
 */
export * from "./attacks/index.js";
export * from "./core.js";
export * from "./data/cifar10.js";
export * from "./data/image-set.js";
export * from "./data/image-source.js";
export * from "./data/loader.js";
export { resized } from "./data/resize.js";
export * from "./data/split.js";
export * from "./data/synthetic.js";
export * from "./defenses/index.js";
export { FileFormatError } from "./io/file-format-error.js";
export { type PyTorchOptions, readPyTorch } from "./io/pytorch.js";
export { readSafetensors, type Safetensors, writeSafetensors } from "./io/safetensors.js";
export type { NamedDType, NamedTensor, StateDict } from "./io/state-dict.js";
export * from "./lab/configuration.js";
export { type DemoChoices, demoConfiguration } from "./lab/demo-configuration.js";
export { type ExamineOptions, Examiner } from "./lab/examine.js";
export * from "./lab/metrics.js";
export {
  difference,
  differenceGain,
  pictureUrl,
  type TriggerPicture,
  triggerPictures,
} from "./lab/pictures.js";
export { type PurifyHooks, purify } from "./lab/purify.js";
export { type SampleOptions, type SampleStep, sampleStep } from "./lab/sample-step.js";
export { version } from "./lab/version.js";
export * from "./lab/victim.js";
export * from "./training/index.js";
