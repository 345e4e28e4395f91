/**
 * The library without the laboratory: devices, tensors, gradients, layers, optimizers and models.
 * @module
 */

export { type BackwardOptions, backward, gradients, noGrad } from "./autograd/tape.js";
export type {
  Device,
  DeviceCounters,
  DeviceInfo,
  DeviceKind,
  Recording,
} from "./device/device.js";
export { type ElementwiseRow, elementwiseTable } from "./device/elementwise.js";
export * from "./device/errors.js";
export type { Scope } from "./device/scope.js";
export * from "./ops/index.js";
export { empty, full, ones, tensor, zeros } from "./tensor/create.js";
export type { Shape } from "./tensor/shape.js";
export { type DType, Tensor } from "./tensor/tensor.js";
