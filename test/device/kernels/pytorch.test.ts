import { test } from "vitest";
import { adamHyper } from "../../../src/device/adam-hyper.js";
import { expectClose, maxRelative, normRelative } from "../../support/compare.js";
import { describeOnDevices } from "../../support/devices.js";
import {
  operationFixtures,
  trajectoryGradient,
  trajectoryStart,
  unpack,
} from "../../support/fixtures.js";
import { type HostArray, runKernel } from "../../support/host-call.js";
import { integers, output, uniform } from "../../support/random.js";

const fixtures = operationFixtures();

/** Runs the kernels of a trajectory step by step; returns the parameters after each, joined. */
async function follow(
  steps: number,
  length: number,
  step: (params: HostArray, grads: HostArray) => Promise<HostArray>,
): Promise<Float64Array> {
  const path = new Float64Array(steps * length);
  let params: HostArray = trajectoryStart(length);
  for (let t = 0; t < steps; t++) {
    params = await step(params, trajectoryGradient(t, length));
    path.set(params, t * length);
  }
  return path;
}

const float32 = (values: readonly number[]): Float64Array => Float64Array.from(values, Math.fround);

describeOnDevices("as PyTorch computes it", (device) => {
  test.each(fixtures.conv2d)("conv2d and its gradients: $shape", async (fixture) => {
    const { shape } = fixture;
    const x = uniform(1, shape.n * shape.h * shape.w * shape.cIn);
    const w = uniform(2, shape.kh * shape.kw * shape.cIn * shape.cOut);
    const out = output(shape.n * shape.outH * shape.outW * shape.cOut);
    const dy = uniform(3, out.length);
    const dx = output(x.length);
    const dw = output(w.length);
    const forward = await runKernel(device(), "conv2d", { x, w, out, shape });
    const toInput = await runKernel(device(), "conv2dInputGrad", { dy, w, dx, shape });
    const toWeight = await runKernel(device(), "conv2dWeightGrad", { x, dy, dw, shape });
    expectClose("conv2d", forward.out, unpack(fixture.out), normRelative);
    expectClose("conv2dInputGrad", toInput.dx, unpack(fixture.dx), normRelative);
    expectClose("conv2dWeightGrad", toWeight.dw, unpack(fixture.dw), normRelative);
  });

  test.each(fixtures.pool2d)("pool2d and its gradient: $op $shape", async (fixture) => {
    const { op, shape } = fixture;
    const x = uniform(1, shape.n * shape.h * shape.w * shape.c);
    const out = output(shape.n * shape.outH * shape.outW * shape.c);
    const dy = uniform(3, out.length);
    const forward = await runKernel(device(), "pool2d", { op, x, out, shape });
    const call = { op, x, dy, dx: output(x.length), shape };
    const backward = await runKernel(device(), "pool2dBackward", call);
    expectClose("pool2d", forward.out, unpack(fixture.out), maxRelative);
    expectClose("pool2dBackward", backward.dx, unpack(fixture.dx), maxRelative);
  });

  const batchNorms = fixtures.batchNorm.flatMap((fixture) => [
    { ...fixture, training: true, want: fixture.training },
    { ...fixture, training: false, want: fixture.inference },
  ]);
  test.each(batchNorms)(
    "batch norm [$rows, $channels], training $training, relu $relu, residual $residual",
    async ({ rows, channels, relu, residual, centre, momentum, eps, training, want, ...rest }) => {
      const half = Math.sqrt(3);
      const size = rows * channels;
      const inputs = {
        x: uniform(1, size, centre - half, centre + half),
        gamma: uniform(2, channels, 0.5, 2),
        beta: uniform(3, channels),
        runningMean: uniform(4, channels),
        runningVar: uniform(5, channels, 0.5, 2),
        residual: residual ? uniform(6, size) : null,
        out: output(size),
        ...{ rows, channels, relu, eps },
      };
      const statistics = { mean: output(channels), invStd: output(channels) };
      let forward: { out: HostArray };
      let used: { mean: HostArray; invStd: HostArray };
      if (training) {
        const call = { ...inputs, ...statistics, momentum };
        const result = await runKernel(device(), "batchNorm", call);
        expectClose("runningMean", result.runningMean, unpack(rest.runningMean), maxRelative);
        expectClose("runningVar", result.runningVar, unpack(rest.runningVar), normRelative);
        forward = used = result;
      } else {
        const { runningMean, runningVar } = inputs;
        forward = await runKernel(device(), "batchNormInference", inputs);
        const call = { runningMean, runningVar, ...statistics, channels, eps };
        used = await runKernel(device(), "batchNormStatistics", call);
      }
      expectClose("out", forward.out, unpack(want.out), normRelative);
      const backward = await runKernel(device(), "batchNormBackward", {
        ...{ rows, channels, relu, training },
        x: inputs.x,
        y: relu ? forward.out : null,
        dy: uniform(7, size),
        gamma: inputs.gamma,
        mean: used.mean,
        invStd: used.invStd,
        dx: output(size),
        dgamma: output(channels),
        dbeta: output(channels),
        dresidual: residual ? output(size) : null,
      });
      expectClose("dx", backward.dx ?? output(0), unpack(want.dx), normRelative);
      expectClose("dgamma", backward.dgamma ?? output(0), unpack(want.dgamma), normRelative);
      expectClose("dbeta", backward.dbeta ?? output(0), unpack(want.dbeta), normRelative);
      if (!want.dresidual) return;
      expectClose(
        "dresidual",
        backward.dresidual ?? output(0),
        unpack(want.dresidual),
        maxRelative,
      );
    },
  );

  test.each(fixtures.crossEntropy)(
    "cross-entropy [$rows, $classes], label smoothing $smoothing",
    async ({ rows, classes, smoothing, loss, dlogits }) => {
      const labels = integers(2, rows, classes);
      const on = 1 - smoothing + smoothing / classes;
      const shape = { rows, classes, on, off: smoothing / classes, labels };
      const forward = await runKernel(device(), "softmaxCrossEntropy", {
        ...shape,
        logits: uniform(1, rows * classes, -4, 4),
        loss: output(rows),
        probabilities: output(rows * classes),
      });
      const backward = await runKernel(device(), "softmaxCrossEntropyBackward", {
        ...shape,
        probabilities: forward.probabilities,
        dloss: uniform(3, rows, 0.1, 1),
        dlogits: output(rows * classes),
      });
      expectClose("loss", forward.loss, unpack(loss), maxRelative);
      expectClose("dlogits", backward.dlogits, unpack(dlogits), maxRelative);
    },
  );

  test.each(fixtures.sgd)("sgd $settings", async ({ settings, length, steps, params }) => {
    const { lr, momentum, weight_decay, nesterov } = settings;
    const hyper = float32([lr, momentum, weight_decay, nesterov ? 1 : 0]);
    let velocity: HostArray = new Float64Array(length);
    const path = await follow(steps, length, async (p, grads) => {
      const result = await runKernel(device(), "sgd", {
        params: p,
        grads,
        velocity,
        hyper,
        skip: null,
      });
      velocity = result.velocity;
      return result.params;
    });
    expectClose("sgd", path, unpack(params), maxRelative);
  });

  const adams = [
    ...fixtures.adam.map((fixture) => ({ ...fixture, name: "Adam", decoupled: 0 })),
    ...fixtures.adamw.map((fixture) => ({ ...fixture, name: "AdamW", decoupled: 1 })),
  ];
  test.each(adams)("$name $settings", async ({ settings, length, steps, params, decoupled }) => {
    const { lr, betas, eps = 1e-8, weight_decay } = settings;
    let m: HostArray = new Float64Array(length);
    let v: HostArray = new Float64Array(length);
    let count: HostArray = new Float64Array(3);
    const weightDecay = weight_decay;
    const hyper = float32(adamHyper({ lr, betas, eps, weightDecay, decoupled: decoupled === 1 }));
    const path = await follow(steps, length, async (p, grads) => {
      ({ count } = await runKernel(device(), "adamCount", { count, hyper, skip: null }));
      const call = { params: p, grads, m, v, count, hyper, skip: null };
      const result = await runKernel(device(), "adam", call);
      ({ m, v } = result);
      return result.params;
    });
    expectClose("adam", path, unpack(params), maxRelative);
  });
});
