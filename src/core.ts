/**
 * The library without the laboratory: devices, tensors, gradients, layers, optimizers and models.
 * @module
 */
export * from "./autograd/index.js";
export type { KernelChoice, VariantMap, VariantNotes } from "./device/choices.js";
export type {
  Device,
  DeviceCounters,
  DeviceInfo,
  DeviceKind,
  Recording,
} from "./device/device.js";
export { type ElementwiseRow, elementwiseTable } from "./device/elementwise.js";
export * from "./device/errors.js";
export { type OpenDeviceOptions, openDevice } from "./device/open.js";
export { measurePeaks, type Peaks } from "./device/peaks.js";
export {
  type ProfiledCall,
  type ProfiledDispatch,
  type ProfileRow,
  profileRows,
} from "./device/profile.js";
export type { Scope } from "./device/scope.js";
export { chromeTrace } from "./device/trace.js";
export type { TuneOptions, TuneResult } from "./device/webgpu/autotune.js";
export { openWebGpuDevice, WebGpuDevice } from "./device/webgpu/device.js";
export type { WebGpuOptions } from "./device/webgpu/options.js";
export { type StoredChoices, type TuneStore, TuneStoreError } from "./device/webgpu/tune-store.js";
export { indexedDbTuneStore } from "./device/webgpu/tune-store-indexeddb.js";
export * from "./models/index.js";
export * from "./nn/index.js";
export * from "./ops/index.js";
export * from "./optim/index.js";
export { arange, empty, eye, full, ones, tensor, zeros } from "./tensor/create.js";
export { Philox } from "./tensor/random.js";
export type { Shape } from "./tensor/shape.js";
export { type DType, type FloatType, Tensor } from "./tensor/tensor.js";
