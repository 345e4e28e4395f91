export { convNorm, FoldedNorms } from "./folding.js";
export { HalfWeights } from "./half-weights.js";
export * from "./init.js";
export * from "./layers.js";
export { Module, Sequential } from "./module.js";
export { type Layout, Parameter, Statistic } from "./parameter.js";
export { type Placement, place, placementOf } from "./place.js";
export * from "./state-dict.js";
