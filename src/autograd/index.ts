export * from "./check.js";
export {
  type BackwardOptions,
  backward,
  type GradientsOptions,
  gradients,
  noGrad,
  record,
  tracked,
} from "./tape.js";
