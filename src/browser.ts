/**
 * shiftgrad in a page or a worker: the whole library but what needs files and processes.
 * @module
 */
export * from "./attacks/index.js";
export * from "./core.js";
export * from "./data/cifar10.js";
export {
  type DataDefinition,
  type DataSpec,
  defineData,
  type TrainAndTest,
} from "./data/definition.js";
export type { ReadFile } from "./data/directory.js";
export * from "./data/image-set.js";
export * from "./data/image-source.js";
export * from "./data/loader.js";
export { resized } from "./data/resize.js";
export { dataSources } from "./data/sources.js";
export * from "./data/split.js";
export * from "./data/synthetic.js";
export * from "./defenses/index.js";
export { BrowserTable, BrowserTableError, idbResult } from "./files/indexed-db.js";
export { FileFormatError } from "./io/file-format-error.js";
export { type Origin, type PyTorchOptions, PyTorchTensors, readPyTorch } from "./io/pytorch.js";
export type { ReadOptions } from "./io/read-budget.js";
export { readSafetensors, type Safetensors, writeSafetensors } from "./io/safetensors.js";
export type { HostArrays, NamedDType, NamedTensor, StateDict } from "./io/state-dict.js";
export { drawPlot, type Marker, type Plot, type Point, type Series } from "./lab/chart.js";
export {
  decodeCheckpoint,
  decodeState,
  encodeCheckpoint,
  encodeState,
  type RanOn,
} from "./lab/checkpoint.js";
export * from "./lab/configuration.js";
export { type DemoChoices, demoConfiguration } from "./lab/demo-configuration.js";
export { type ExamineOptions, Examiner } from "./lab/examine.js";
export { wilson } from "./lab/interval.js";
export * from "./lab/metrics.js";
export { modelFrom } from "./lab/model.js";
export { shortPercent } from "./lab/percent.js";
export {
  difference,
  differenceGain,
  pictureUrl,
  type TriggerPicture,
  triggerPictures,
} from "./lab/pictures.js";
export { type PurifyHooks, purify } from "./lab/purify.js";
export { type SampleOptions, type SampleStep, sampleStep } from "./lab/sample-step.js";
export { notPresets } from "./lab/variants.js";
export {
  judgePurification,
  judgeVictim,
  type Tone,
  type Verdict,
  type VerdictContext,
} from "./lab/verdict.js";
export { version } from "./lab/version.js";
export * from "./lab/victim.js";
export {
  defineModel,
  type ModelDefinition,
  type ModelInput,
  type ModelSpec,
} from "./models/definition.js";
export { models } from "./models/registry.js";
/** What settings are described with; see docs/extending.md. */
export * as schema from "./schema/index.js";
export * from "./training/index.js";
