import { describe, expect, test } from "vitest";
import type { HostArray, HostCall } from "../support/host-call.js";
import { at, integers, output, uniform } from "../support/random.js";
import { convShape, poolShape } from "../support/shapes.js";
import { batchNorm, batchNormBackward, batchNormInference } from "./batch-norm.js";
import { conv2d, conv2dInputGrad, conv2dWeightGrad } from "./conv2d.js";
import { softmaxCrossEntropy, softmaxCrossEntropyBackward } from "./loss.js";
import { pool2d, pool2dBackward } from "./pool2d.js";

const inner = (a: HostArray, b: HostArray): number =>
  [...a].reduce((sum, x, i) => sum + x * at(b, i), 0);

/** Compares d(loss)/d(x[i]) by central differences with the gradient, at every element. */
function expectSlope(x: HostArray, gradient: HostArray, loss: () => number): void {
  const h = 1e-5;
  let largest = 0;
  for (let i = 0; i < x.length; i++) {
    const before = at(x, i);
    x[i] = before + h;
    const above = loss();
    x[i] = before - h;
    const below = loss();
    x[i] = before;
    const slope = (above - below) / (2 * h);
    expect(at(gradient, i)).toBeCloseTo(slope, 6);
    largest = Math.max(largest, Math.abs(slope));
  }
  expect(largest).toBeGreaterThan(0.01);
}

describe("conv2d", () => {
  test.each([
    convShape([2, 5, 4, 3], [3, 3, 2], { pad: [1, 1] }),
    convShape([1, 7, 6, 2], [3, 2, 3], { stride: [2, 3], pad: [1, 0] }),
    convShape([1, 6, 5, 2], [1, 1, 3], { stride: [2, 2] }),
    convShape([1, 4, 5, 1], [5, 5, 2], { pad: [3, 2] }),
  ])("its gradients are its slopes: %j", (shape) => {
    const x = uniform(1, shape.n * shape.h * shape.w * shape.cIn);
    const w = uniform(2, shape.kh * shape.kw * shape.cIn * shape.cOut);
    const out = output(shape.n * shape.outH * shape.outW * shape.cOut);
    const dy = uniform(3, out.length);
    const dx = output(x.length);
    const dw = output(w.length);
    const loss = (): number => {
      conv2d({ x, w, out, shape });
      return inner(out, dy);
    };
    conv2dInputGrad({ dy, w, dx, shape });
    conv2dWeightGrad({ x, dy, dw, shape });
    expectSlope(x, dx, loss);
    expectSlope(w, dw, loss);
  });
});

describe("batch norm", () => {
  const [rows, channels] = [7, 3];
  const cases = [false, true].flatMap((training) =>
    [false, true].map((relu) => ({ training, relu })),
  );
  test.each(cases)("its gradients are its slopes: %j", ({ training, relu }) => {
    const call: HostCall<"batchNorm"> = {
      ...{ rows, channels, relu, momentum: 0.1, eps: 1e-3 },
      x: uniform(1, rows * channels, -1, 3),
      gamma: uniform(2, channels, 0.5, 2),
      beta: uniform(3, channels),
      runningMean: uniform(4, channels),
      runningVar: uniform(5, channels, 0.5, 2),
      residual: uniform(6, rows * channels),
      mean: output(channels),
      invStd: output(channels),
      out: output(rows * channels),
    };
    const dy = uniform(7, rows * channels);
    const running = { runningMean: call.runningMean, runningVar: call.runningVar };
    const loss = (): number => {
      const copies = {
        runningMean: running.runningMean.slice(),
        runningVar: running.runningVar.slice(),
      };
      if (training) batchNorm({ ...call, ...copies });
      else batchNormInference(call);
      return inner(call.out, dy);
    };
    loss();
    if (!training) {
      call.mean.set(call.runningMean);
      call.invStd.set(call.runningVar.map((v) => 1 / Math.sqrt(v + call.eps)));
    }
    const results = {
      dx: output(rows * channels),
      dgamma: output(channels),
      dbeta: output(channels),
      dresidual: output(rows * channels),
    };
    const { x, gamma, mean, invStd } = call;
    const y = relu ? call.out.slice() : null;
    const frozen = { mean: mean.slice(), invStd: invStd.slice() };
    batchNormBackward({ ...frozen, x, y, dy, gamma, rows, channels, relu, training, ...results });
    expectSlope(call.x, results.dx, loss);
    expectSlope(call.gamma, results.dgamma, loss);
    expectSlope(call.beta, results.dbeta, loss);
    expectSlope(call.residual ?? output(0), results.dresidual, loss);
  });
});

describe("pool2d", () => {
  test.each([
    { op: "max", shape: poolShape([2, 5, 7, 2], [3, 3], { stride: [2, 2], pad: [1, 1] }) },
    { op: "avg", shape: poolShape([2, 5, 7, 2], [3, 3], { stride: [2, 2], pad: [1, 1] }) },
    { op: "max", shape: poolShape([1, 6, 5, 3], [2, 3]) },
    { op: "avg", shape: poolShape([1, 6, 5, 3], [2, 3]) },
  ] as const)("its gradient is its slope: %j", ({ op, shape }) => {
    const x = uniform(1, shape.n * shape.h * shape.w * shape.c);
    const out = output(shape.n * shape.outH * shape.outW * shape.c);
    const dy = uniform(2, out.length);
    const dx = output(x.length);
    pool2dBackward({ op, x, dy, dx, shape });
    expectSlope(x, dx, () => {
      pool2d({ op, x, out, shape });
      return inner(out, dy);
    });
  });
});

describe("softmax cross-entropy", () => {
  test.each([0, 0.1])("its gradient is its slope, smoothing %d", (smoothing) => {
    const [rows, classes] = [5, 7];
    const targets = { on: 1 - smoothing + smoothing / classes, off: smoothing / classes };
    const shape = { rows, classes, ...targets, labels: integers(1, rows, classes) };
    const logits = uniform(2, rows * classes, -3, 3);
    const probabilities = output(rows * classes);
    const loss = output(rows);
    const dloss = uniform(3, rows);
    const dlogits = output(rows * classes);
    const total = (): number => {
      softmaxCrossEntropy({ ...shape, logits, loss, probabilities });
      return inner(loss, dloss);
    };
    total();
    softmaxCrossEntropyBackward({ ...shape, probabilities, dloss, dlogits });
    expectSlope(logits, dlogits, total);
  });
});
