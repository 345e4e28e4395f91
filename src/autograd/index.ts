export * from "./check.js";
export { type BackwardOptions, backward, gradients, noGrad, record, tracked } from "./tape.js";
