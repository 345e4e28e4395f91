import "@tensorflow/tfjs-core/dist/register_all_gradients";
import "@tensorflow/tfjs-backend-webgpu";
import * as tf from "@tensorflow/tfjs-core";
import { type Case, labelsOf } from "../cases.js";
import type { Prepared, Runner } from "../runner.js";
import {
  classes,
  forward,
  initialValues,
  noise,
  type Operations,
  parametersOf,
} from "./network.js";

/** TensorFlow.js on its WebGPU backend: tfjs-core, images NHWC, weights HWIO. */
export async function open(): Promise<Runner> {
  if (!(await tf.setBackend("webgpu"))) throw new Error("TensorFlow.js found no WebGPU adapter");
  return { name: `TensorFlow.js ${tf.version_core}`, prepare };
}

async function prepare(c: Case): Promise<Prepared> {
  switch (c.kind) {
    case "matmul": {
      const [a, b] = [random([c.n, c.n], 1), random([c.n, c.n], 2)];
      return repeat([a, b], () => tf.matMul(a, b));
    }
    case "conv":
      return convCase(c);
    case "batchNorm":
      return batchNormCase(c);
    case "sgd":
    case "maxPool":
    case "augment":
      throw new RangeError(`${c.name} is not set up in this framework`);
    case "resnet":
      return c.what === "train" ? trainCase(c) : inferCase(c);
  }
}

const random = (shape: readonly number[], seed: number): tf.Tensor =>
  tf.tensor(
    noise(
      shape.reduce((product, side) => product * side, 1),
      seed,
    ),
    [...shape],
  );

/** Resolves when the GPU has done what was enqueued: the backend gathers commands until told. */
async function finish(): Promise<void> {
  const backend = tf.backend();
  backend.ensureCommandEncoderReady();
  backend.endComputePassEncoder();
  backend.submitQueue();
  await backend.device.queue.onSubmittedWorkDone();
}

function repeat(inputs: readonly tf.Tensor[], body: () => tf.Tensor | tf.Tensor[]): Prepared {
  return {
    run: async () => {
      tf.dispose(tf.tidy(body));
      await finish();
    },
    release: () => tf.dispose(inputs),
  };
}

function convCase(c: Case & { kind: "conv" }): Prepared {
  const [cIn, cOut, side, k, stride] = c.shape;
  const outSide = Math.ceil(side / stride);
  const x = random([c.batch, side, side, cIn], 1);
  const w = random([k, k, cIn, cOut], 2);
  const dy = random([c.batch, outSide, outSide, cOut], 3);
  const pad = Math.floor(k / 2);
  const body = {
    fwd: () => tf.conv2d(x, w, stride, pad),
    dx: () => tf.grad((v) => tf.conv2d(v, w, stride, pad))(x, dy),
    dw: () => tf.grad((v) => tf.conv2d(x, v, stride, pad))(w, dy),
  }[c.what];
  return repeat([x, w, dy], body);
}

function batchNormCase(c: Case & { kind: "batchNorm" }): Prepared {
  const [x, dy] = [random([c.batch, c.h, c.h, c.c], 1), random([c.batch, c.h, c.h, c.c], 2)];
  const variables = [x, random([c.c], 3), random([c.c], 4)].map((t) => tf.variable(t));
  const [image, gamma, beta] = variables;
  if (!image || !gamma || !beta) throw new RangeError("batch norm has three operands");
  const loss = () => tf.sum(tf.mul(operations.batchNorm(image, gamma, beta), dy));
  return repeat([x, dy, ...variables], () => {
    const { value, grads } = tf.variableGrads(loss);
    return [value, ...Object.values(grads)];
  });
}

const operations: Operations<tf.Tensor> = {
  share: (x) => x,
  conv: (x, w, stride) => tf.conv2d(x, w, stride, Math.floor((w.shape[0] ?? 1) / 2)),
  batchNorm: (x, gamma, beta, statistics) => {
    const { mean, variance } = statistics ?? tf.moments(x, [0, 1, 2]);
    return tf.batchNorm(x, mean, variance, beta, gamma, 1e-5);
  },
  relu: tf.relu,
  add: tf.add,
  head: (x, w, b) => tf.add(tf.matMul(tf.mean(x, [1, 2]), w), b),
};

const initial = (width: number): tf.Tensor[] =>
  parametersOf(width).map((parameter, seed) =>
    tf.tensor(initialValues(parameter, seed), [...parameter.shape]),
  );

function inferCase(c: Case & { kind: "resnet" }): Prepared {
  const [parameters, images] = [initial(c.width), random([c.batch, 32, 32, 3], 1000)];
  const statistics = parametersOf(c.width)
    .filter(({ kind }) => kind === "one")
    .map(({ shape }, i) => ({
      mean: random(shape, 2000 + i),
      variance: tf.tensor(new Float32Array(shape[0]).fill(1.5), [...shape]),
    }));
  const all = [...parameters, images, ...statistics.flatMap((s) => [s.mean, s.variance])];
  return repeat(all, () => forward(operations, c.width, parameters, images, statistics));
}

function trainCase(c: Case & { kind: "resnet" }): Prepared {
  const images = random([c.batch, 32, 32, 3], 1000);
  const labels = tf.tidy(() => tf.oneHot(tf.tensor1d(labelsOf(c.batch), "int32"), classes));
  const parameters = initial(c.width).map((t) => tf.variable(t));
  const optimizer = tf.train.momentum(0.01, 0.9);
  const loss = () =>
    tf.losses.softmaxCrossEntropy(
      labels,
      forward<tf.Tensor>(operations, c.width, parameters, images),
    );
  let checked = false;
  return {
    run: async () => {
      const value = tf.tidy(() => {
        const { value, grads } = tf.variableGrads(loss);
        for (const parameter of parameters) {
          const gradient = grads[parameter.name];
          if (!gradient) throw new RangeError(`${parameter.name} has no gradient`);
          grads[parameter.name] = tf.add(gradient, tf.mul(parameter, 5e-4));
        }
        optimizer.applyGradients(grads);
        return value;
      });
      await finish();
      if (!checked) checkLoss((await value.data())[0]);
      checked = true;
      value.dispose();
    },
    release: () => {
      tf.dispose([...parameters, images, labels]);
      optimizer.dispose();
    },
  };
}

function checkLoss(loss: number | undefined): void {
  if (!(Number(loss) > 0 && Number(loss) < 20)) throw new Error(`the first loss is ${loss}`);
}
