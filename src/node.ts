/**
 * shiftgrad in Node: the whole library, with files and processes.
 * @module
 */
export * from "./browser.js";
export { directory } from "./data/directory.js";
export { type Cifar10DownloadOptions, downloadCifar10 } from "./data/download-cifar10.js";
export { fileTuneStore } from "./device/webgpu/tune-store-file.js";
export { FileWriteError } from "./files/atomic.js";
export { demoRun } from "./lab/demo-run.js";
export { type EvaluateRequest, evaluateRun } from "./lab/evaluate-run.js";
export { type PurifyRequest, purifyRun } from "./lab/purify-run.js";
export * from "./lab/record.js";
export type { RunRequest } from "./lab/recorded-run.js";
export { RunDirectory, RunDirectoryError } from "./lab/run-directory.js";
export type { RunHooks, RunLeft } from "./lab/sitting.js";
export { openSourceRun, type SourceRun } from "./lab/source-run.js";
export { trainRun } from "./lab/train-run.js";
