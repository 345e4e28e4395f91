/**
 * shiftgrad in Node: the whole library, with files and processes.
 * @module
 */
export * from "./browser.js";
export { directory } from "./data/directory.js";
export { type Cifar10DownloadOptions, downloadCifar10 } from "./data/download-cifar10.js";
export { fileTuneStore } from "./device/webgpu/tune-store-file.js";
export { FileWriteError } from "./files/atomic.js";
export * from "./lab/records/record.js";
export type { RunHooks, RunLeft } from "./lab/runs/attempt.js";
export { demoRun } from "./lab/runs/demo-run.js";
export { type EvaluateRequest, evaluateRun } from "./lab/runs/evaluate-run.js";
export { type PurifyRequest, purifyRun } from "./lab/runs/purify-run.js";
export type { RunRequest } from "./lab/runs/recorded-run.js";
export { RunDirectory, RunDirectoryError } from "./lab/runs/run-directory.js";
export { openSourceRun, type SourceRun } from "./lab/runs/source-run.js";
export { trainRun } from "./lab/runs/train-run.js";
