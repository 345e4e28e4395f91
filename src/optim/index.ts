export { Adam, type AdamOptions } from "./adam.js";
export { clipGradientNorm, clipGradientValue } from "./clip.js";
export { type LossScale, LossScaler, type LossScalerOptions } from "./loss-scaler.js";
export type { Optimizer } from "./optimizer.js";
export * from "./schedules.js";
export { SGD, type SgdOptions } from "./sgd.js";
