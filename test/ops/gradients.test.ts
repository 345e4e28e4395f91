import { expect, it } from "vitest";
import { checkGradients } from "../../src/autograd/check.js";
import type { Device } from "../../src/device/device.js";
import { batchNorm } from "../../src/ops/batch-norm.js";
import { conv2d } from "../../src/ops/conv2d.js";
import { crossEntropy } from "../../src/ops/cross-entropy.js";
import {
  add,
  clamp,
  div,
  elu,
  gelu,
  leakyRelu,
  maximum,
  mul,
  relu,
  sigmoid,
  silu,
  sub,
  tanh,
  where,
} from "../../src/ops/elementwise.js";
import { gather } from "../../src/ops/gather.js";
import { groupNorm, layerNorm } from "../../src/ops/layer-norm.js";
import { permute, reshape, transpose } from "../../src/ops/layout.js";
import { matmul } from "../../src/ops/matmul.js";
import { avgPool2d, globalAvgPool, maxPool2d } from "../../src/ops/pool2d.js";
import { max, mean, sum } from "../../src/ops/reduce.js";
import { tensor } from "../../src/tensor/create.js";
import type { Shape } from "../../src/tensor/shape.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { describeOnDevices } from "../support/devices.js";
import { labelsOf, values } from "../support/values.js";

type Loss = (inputs: readonly Tensor[], device: Device) => Tensor;

/** Weighs the result's elements unequally, so that a misplaced gradient shows. */
function weighed(y: Tensor): Tensor {
  const weights = tensor(y.device, values(y.shape, 99, 0.5, 1.5), y.shape);
  return sum(mul(y, weights));
}

const pick = <T>(list: readonly T[], i: number): T => list[i] as T;

const cases: Record<string, { shapes: Shape[]; low?: number; loss: Loss }> = {
  "add with broadcasting": {
    shapes: [
      [3, 1, 5],
      [7, 1],
    ],
    loss: ([a, b]) => weighed(add(a as Tensor, b as Tensor)),
  },
  "sub, mul, div, broadcast on both sides": {
    shapes: [
      [3, 1],
      [1, 5],
    ],
    low: 0.5,
    loss: (x) => weighed(div(mul(sub(pick(x, 0), pick(x, 1)), pick(x, 0)), pick(x, 1))),
  },
  "relu, leakyRelu, elu": {
    shapes: [[7, 3]],
    loss: (x) => weighed(add(relu(pick(x, 0)), add(leakyRelu(pick(x, 0), 0.2), elu(pick(x, 0))))),
  },
  "tanh, sigmoid, silu, gelu": {
    shapes: [[5, 3]],
    loss: (x) =>
      weighed(
        add(add(tanh(pick(x, 0)), sigmoid(pick(x, 0))), add(silu(pick(x, 0)), gelu(pick(x, 0)))),
      ),
  },
  "maximum, clamp, where": {
    shapes: [[11], [11]],
    loss: (x) =>
      weighed(
        add(
          maximum(pick(x, 0), pick(x, 1)),
          add(clamp(pick(x, 0), -1, 1.5), where(relu(pick(x, 1)).detach(), pick(x, 0), pick(x, 1))),
        ),
      ),
  },
  "a tensor used three times": {
    shapes: [[5]],
    loss: (x) => weighed(mul(pick(x, 0), mul(pick(x, 0), pick(x, 0)))),
  },
  "sum and mean over inner, outer and split axes": {
    shapes: [[3, 5, 2, 7]],
    loss: (x) =>
      add(
        weighed(sum(pick(x, 0), [0, 2])),
        add(weighed(mean(pick(x, 0), [1, 3], { keepDims: true })), weighed(mean(pick(x, 0), [-1]))),
      ),
  },
  "max over an axis": { shapes: [[5, 7]], loss: (x) => weighed(max(pick(x, 0), [1])) },
  "reshape, permute, transpose": {
    shapes: [[3, 5, 7]],
    loss: (x) => weighed(transpose(permute(reshape(pick(x, 0), [15, -1, 1]), [2, 0, 1]))),
  },
  "matmul with bias": {
    shapes: [[5, 7], [7, 3], [3]],
    loss: (x) => weighed(matmul(pick(x, 0), pick(x, 1), { bias: pick(x, 2) })),
  },
  "matmul, both transposed": {
    shapes: [
      [7, 5],
      [3, 7],
    ],
    loss: (x) => weighed(matmul(pick(x, 0), pick(x, 1), { transA: true, transB: true })),
  },
  "matmul, batched with a shared right side": {
    shapes: [
      [3, 5, 7],
      [7, 2],
    ],
    loss: (x) => weighed(matmul(pick(x, 0), pick(x, 1))),
  },
  "matmul, shared transposed left side": {
    shapes: [
      [7, 5],
      [3, 7, 2],
    ],
    loss: (x) => weighed(matmul(pick(x, 0), pick(x, 1), { transA: true })),
  },
  "conv2d 3x3": {
    shapes: [
      [2, 5, 7, 4],
      [3, 3, 4, 5],
    ],
    loss: (x) => weighed(conv2d(pick(x, 0), pick(x, 1), { padding: 1 })),
  },
  "conv2d 2x3, stride 2 x 1, padding 1 x 0, three channels": {
    shapes: [
      [3, 7, 5, 3],
      [2, 3, 3, 2],
    ],
    loss: (x) => weighed(conv2d(pick(x, 0), pick(x, 1), { stride: [2, 1], padding: [1, 0] })),
  },
  "batchNorm, training, relu, residual": {
    shapes: [[2, 3, 5, 4], [4], [4], [2, 3, 5, 4]],
    loss: (x) => weighed(normalised(x, true, true)),
  },
  "batchNorm, training, bare": {
    shapes: [[7, 5], [5], [5]],
    loss: (x) => weighed(normalised(x, true, false)),
  },
  "batchNorm, frozen statistics, relu, residual": {
    shapes: [[7, 5], [5], [5], [7, 5]],
    loss: (x) => weighed(normalised(x, false, true)),
  },
  "layerNorm with scale and shift": {
    shapes: [[3, 5, 7], [7], [7]],
    loss: (x) => weighed(layerNorm(pick(x, 0), { gamma: pick(x, 1), beta: pick(x, 2) })),
  },
  "layerNorm, bare": { shapes: [[5, 12]], loss: (x) => weighed(layerNorm(pick(x, 0))) },
  "groupNorm with scale and shift": {
    shapes: [[2, 3, 5, 6], [6], [6]],
    loss: (x) => weighed(groupNorm(pick(x, 0), 2, { gamma: pick(x, 1), beta: pick(x, 2) })),
  },
  "maxPool2d and avgPool2d with overlap and padding": {
    shapes: [[2, 5, 7, 3]],
    loss: (x) =>
      add(
        weighed(maxPool2d(pick(x, 0), 3, { stride: 2, padding: 1 })),
        weighed(avgPool2d(pick(x, 0), [2, 3], { stride: [1, 2], padding: [1, 1] })),
      ),
  },
  globalAvgPool: { shapes: [[2, 3, 5, 7]], loss: (x) => weighed(globalAvgPool(pick(x, 0))) },
  "crossEntropy with both smoothings": {
    shapes: [[5, 7]],
    loss: (x, device) => {
      const labels = tensor(device, labelsOf(5, 7, 3), [5], "u32");
      const all = crossEntropy(pick(x, 0), labels, { labelSmoothing: 0.1 });
      const others = { labelSmoothing: 0.2, smoothingOver: "others", reduction: "none" } as const;
      return add(all, weighed(crossEntropy(pick(x, 0), labels, others)));
    },
  },
  "gather with repeats": {
    shapes: [[5, 3]],
    loss: (x, device) =>
      weighed(gather(pick(x, 0), tensor(device, [4, 0, 4, 1, 4, 2, 0], [7], "u32"))),
  },
};

function normalised(x: readonly Tensor[], training: boolean, fused: boolean): Tensor {
  const device = pick(x, 0).device;
  const channels = pick(x, 1).size;
  const state = {
    gamma: pick(x, 1),
    beta: pick(x, 2),
    runningMean: tensor(device, values([channels], 5)),
    runningVar: tensor(device, values([channels], 6, 0.5, 2)),
  };
  const residual = x[3];
  return batchNorm(pick(x, 0), state, {
    training,
    ...(fused ? { relu: true } : {}),
    ...(residual ? { residual } : {}),
  });
}

describeOnDevices("gradients against finite differences", (device) => {
  for (const [name, { shapes, low, loss }] of Object.entries(cases)) {
    it(name, async () => {
      const inputs = shapes.map((shape, i) =>
        tensor(device(), values(shape, 11 + i, low ?? -2, 2), shape),
      );
      const result = await checkGradients((x) => loss(x, device()), inputs, { samples: 12 });
      expect(result.maxError, JSON.stringify(result.worst)).toBeLessThan(5e-3);
    });
  }
});
