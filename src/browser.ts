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
export { type ExamineOptions, Examiner } from "./lab/examination/examine.js";
export { wilson } from "./lab/examination/interval.js";
export {
  difference,
  differenceGain,
  pictureUrl,
  type TriggerPicture,
  triggerPictures,
} from "./lab/examination/pictures.js";
export {
  judgePurification,
  judgeVictim,
  type Tone,
  type Verdict,
  type VerdictContext,
} from "./lab/examination/verdict.js";
export {
  decodeCheckpoint,
  decodeState,
  encodeCheckpoint,
  encodeState,
  type RanOn,
} from "./lab/records/checkpoint.js";
export * from "./lab/records/configuration.js";
export * from "./lab/records/metrics.js";
export { shortPercent } from "./lab/records/percent.js";
export { notPresets } from "./lab/records/variants.js";
export { version } from "./lab/records/version.js";
export { drawPlot, type Marker, type Plot, type Point, type Series } from "./lab/report/chart.js";
export { type DemoChoices, demoConfiguration } from "./lab/runs/demo-configuration.js";
export { modelFrom } from "./lab/victims/model.js";
export { type PurifyHooks, purify } from "./lab/victims/purify.js";
export { type SampleOptions, type SampleStep, sampleStep } from "./lab/victims/sample-step.js";
export * from "./lab/victims/victim.js";
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
