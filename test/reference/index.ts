import type { KernelName } from "../../src/device/kernels.js";
import type { HostCall } from "../support/host-call.js";
import * as basic from "./basic.js";
import * as batchNorm from "./batch-norm.js";
import * as conv2d from "./conv2d.js";
import * as depthwise from "./depthwise.js";
import * as layerNorm from "./layer-norm.js";
import * as loss from "./loss.js";
import * as lossScale from "./loss-scale.js";
import { matmul } from "./matmul.js";
import * as optimizers from "./optimizers.js";
import * as pool2d from "./pool2d.js";
import { augment, random } from "./random.js";

/**
 * Every row of the kernel table in float64, written from the table's comments as the plainest
 * loops that say the same. A reference writes into the arrays of its call.
 */
export const references: { readonly [K in KernelName]: (call: HostCall<K>) => void } = {
  ...basic,
  ...batchNorm,
  ...conv2d,
  ...layerNorm,
  ...depthwise,
  ...loss,
  ...lossScale,
  ...optimizers,
  ...pool2d,
  matmul,
  augment,
  random,
};
