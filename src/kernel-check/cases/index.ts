import { batchNorms } from "./batch-norm.js";
import { depthwise } from "./depthwise.js";
import { elementwise } from "./elementwise.js";
import { gemm } from "./gemm.js";
import { layerNorms } from "./layer-norm.js";
import { moving } from "./moving.js";
import { reducing } from "./reducing.js";
import type { AllCases } from "./table.js";
import { training } from "./training.js";

/** Calls of every kernel: one that is missing here does not compile. Sizes are odd, data random. */
export const kernelCases: AllCases = {
  ...moving,
  ...elementwise,
  ...reducing,
  ...gemm,
  ...depthwise,
  ...batchNorms,
  ...layerNorms,
  ...training,
};
