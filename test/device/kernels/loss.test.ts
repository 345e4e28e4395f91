import { references } from "../../reference/index.js";
import { describeOnDevices } from "../../support/devices.js";
import type { HostCall } from "../../support/host-call.js";
import { kernelCase, testKernelCases } from "../../support/kernel-case.js";
import { integers, output, uniform } from "../../support/random.js";

const sizes: readonly (readonly [rows: number, classes: number])[] = [
  [1, 1],
  [1, 2],
  [7, 5],
  [128, 10],
  [257, 43],
  [3, 257],
  [5, 1031],
];

function forward(
  rows: number,
  classes: number,
  smoothing: number,
  scale = 4,
): HostCall<"softmaxCrossEntropy"> {
  return {
    logits: uniform(1, rows * classes, -scale, scale),
    labels: integers(2, rows, classes),
    loss: output(rows),
    probabilities: output(rows * classes),
    rows,
    classes,
    on: 1 - smoothing + smoothing / classes,
    off: smoothing / classes,
  };
}

const losses = sizes.flatMap(([rows, classes]) =>
  [0, 0.1].map((smoothing) =>
    kernelCase("softmaxCrossEntropy", `[${rows}, ${classes}], smoothing ${smoothing}`, () =>
      forward(rows, classes, smoothing),
    ),
  ),
);

const special = [
  kernelCase("softmaxCrossEntropy", "logits in the hundreds, where e ** x overflows", () =>
    forward(35, 10, 0.1, 500),
  ),
  kernelCase("softmaxCrossEntropy", "a label out of range spoils its own row only", () => ({
    ...forward(5, 3, 0),
    labels: Uint32Array.of(2, 3, 0, 0xffffffff, 1),
  })),
];

const gradients = sizes.flatMap(([rows, classes]) =>
  [0, 0.1].map((smoothing) =>
    kernelCase("softmaxCrossEntropyBackward", `[${rows}, ${classes}], ${smoothing}`, () => {
      const { loss: _l, logits: _x, ...call } = forward(rows, classes, smoothing);
      references.softmaxCrossEntropy({ ...call, loss: _l, logits: _x });
      return {
        ...call,
        probabilities: Float64Array.from(call.probabilities, Math.fround),
        dloss: uniform(3, rows, 0.1, 1),
        dlogits: output(rows * classes),
      };
    }),
  ),
);

describeOnDevices("softmaxCrossEntropy", (device) =>
  testKernelCases(device, [...losses, ...special]),
);
describeOnDevices("softmaxCrossEntropyBackward", (device) => testKernelCases(device, gradients));
