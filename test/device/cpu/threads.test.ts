import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { adamHyper } from "../../../src/device/adam-hyper.js";
import { openCpuDevice } from "../../../src/device/cpu/open.js";
import type { Device } from "../../../src/device/device.js";
import type { Slice } from "../../../src/device/storage.js";
import { slice, upload, values } from "./support.js";

/** Runs some kernels and names what they wrote. Sizes are odd and larger than one thread's share. */
type Case = (device: Device) => Record<string, Slice>;

const [rows, channels] = [643, 37];
const total = rows * channels;

const strides = (inner: number): number[] => [inner, 1];

const cases: Record<string, Case> = {
  elementwise(device) {
    const [x, row, column] = [values(total), values(channels, 2), values(rows, 3)].map((data) =>
      upload(device, data),
    ) as [Slice, Slice, Slice];
    const [out, tanh] = [slice(device, total), slice(device, total)];
    const shape = [rows, channels];
    device.run("elementwise", {
      ...{ kernel: "where", out, shape, scalars: [0, 0] },
      inputs: [
        { slice: x, strides: strides(channels) },
        { slice: row, strides: [0, 1] },
        { slice: column, strides: [1, 0] },
      ],
    });
    const inputs = [{ slice: x, strides: [1, channels] }];
    const call = { inputs, out: tanh, shape: [channels, rows], scalars: [0, 0] as const };
    device.run("elementwise", { kernel: "tanh", ...call });
    const moved = slice(device, total);
    const turned = { offset: 0, strides: [1, channels] };
    const dense = { offset: 0, strides: [rows, 1] };
    device.run("move", {
      ...{ x, out: moved, shape: [channels, rows], from: turned, to: dense, add: false },
    });
    const backwards = { offset: total - 1, strides: [-channels, -1] };
    const straight = { offset: 0, strides: [channels, 1] };
    device.run("move", {
      ...{ x, out: moved, shape: [rows, channels], from: backwards, to: straight, add: true },
    });
    return { out, tanh, moved };
  },
  reduce(device) {
    const x = upload(device, values(total));
    const call = { op: "sum", x, outer: 1 } as const;
    const [all, columns] = [slice(device, 1), slice(device, channels)];
    device.run("reduce", { ...call, out: all, reduced: total, inner: 1 });
    device.run("reduce", { ...call, out: columns, reduced: rows, inner: channels });
    return { all, columns };
  },
  "batch norm"(device) {
    const of = (seed: number): Slice => upload(device, values(channels, seed).map(Math.abs));
    const [x, dy] = [upload(device, values(total)), upload(device, values(total, 7))];
    const [out, dx, dresidual] = [slice(device, total), slice(device, total), slice(device, total)];
    const [runningMean, runningVar, mean, invStd] = [of(4), of(5), of(6), of(7)];
    const [dgamma, dbeta] = [slice(device, channels), slice(device, channels)];
    const common = { rows, channels, relu: true, x, gamma: of(2), mean, invStd };
    device.run("batchNorm", {
      ...{ ...common, beta: of(3), residual: dy, runningMean, runningVar, out },
      ...{ momentum: 0.1, eps: 1e-5 },
    });
    const gradients = { dx, dgamma, dbeta, dresidual };
    device.run("batchNormBackward", { ...common, y: out, dy, ...gradients, training: true });
    return { out, runningMean, runningVar, mean, invStd, ...gradients };
  },
  "matmul and convolution"(device) {
    const shape = { n: 3, h: 9, w: 7, cIn: 5, cOut: 11, kh: 3, kw: 3, strideH: 2, strideW: 1 };
    const conv = { ...shape, padH: 1, padW: 1, outH: 5, outW: 7 };
    const [x, w] = [upload(device, values(3 * 9 * 7 * 5)), upload(device, values(9 * 5 * 11, 2))];
    const dy = upload(device, values(3 * 5 * 7 * 11, 3));
    const [out, dx, dw] = [slice(device, 3 * 5 * 7 * 11), slice(device, 945), slice(device, 495)];
    device.run("conv2d", { x, w, out, shape: conv });
    device.run("conv2dInputGrad", { dy, w, dx, shape: conv });
    device.run("conv2dWeightGrad", { x, dy, dw, shape: conv });
    const product = slice(device, 35 * 29);
    device.run("matmul", {
      ...{ a: x, b: dy, bias: null, out: product, batch: 1, m: 35, n: 29, k: 27 },
      ...{ transA: false, transB: true, batchStrideA: 0, batchStrideB: 0 },
    });
    return { out, dx, dw, product };
  },
  pooling(device) {
    const shape = { n: 5, h: 9, w: 7, c: 67, kh: 3, kw: 3, strideH: 2, strideW: 2 };
    const pool = { ...shape, padH: 1, padW: 1, outH: 5, outW: 4 };
    const [x, dy] = [
      upload(device, values(5 * 9 * 7 * 67)),
      upload(device, values(5 * 20 * 67, 2)),
    ];
    const [out, dx] = [slice(device, 5 * 20 * 67), slice(device, 5 * 9 * 7 * 67)];
    device.run("pool2d", { op: "avg", x, out, shape: pool });
    device.run("pool2dBackward", { op: "max", x, dy, dx, shape: pool });
    return { out, dx };
  },
  "rows, loss and random numbers"(device) {
    const index = upload(
      device,
      Uint32Array.from({ length: 501 }, (_, i) => (i * 7) % 31),
    );
    const logits = upload(device, values(501 * 31));
    const [loss, probabilities] = [slice(device, 501), slice(device, 501 * 31)];
    const call = { labels: index, rows: 501, classes: 31, on: 0.9, off: 0.01 };
    device.run("softmaxCrossEntropy", { ...call, logits, loss, probabilities });
    const scattered = slice(device, 31 * 31);
    const sizes = { rows: 31, picked: 501, columns: 31 };
    device.run("scatterAddRows", { dy: logits, index, out: scattered, ...sizes });
    const state = upload(device, Uint32Array.of(1, 2, 3, 4));
    const normal = slice(device, 9973);
    device.run("random", { op: "normal", out: normal, state, low: 0.5, high: 2 });
    return { loss, probabilities, scattered, normal };
  },
  optimizers(device) {
    const of = (seed: number): Slice => upload(device, values(4099, seed).map(Math.abs));
    const [params, velocity, m, v] = [of(1), of(2), of(3), of(4)];
    const grads = of(5);
    const sgd = upload(device, Float32Array.of(0.1, 0.9, 5e-4, 1));
    const settings = { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 1e-2 } as const;
    const adam = upload(device, Float32Array.from(adamHyper({ ...settings, decoupled: true })));
    const count = upload(device, Float32Array.of(2, 0.19, 0.002));
    device.run("sgd", { params, grads, velocity, hyper: sgd, skip: null });
    device.run("adamCount", { count, hyper: adam, skip: null });
    device.run("adam", { params, grads, m, v, count, hyper: adam, skip: null });
    return { params, velocity, m, v };
  },
};

describe("results do not depend on the number of threads", () => {
  const devices: Device[] = [];
  beforeAll(async () => {
    for (const options of [{ workers: false }, { threads: 1 }, { threads: 2 }, { threads: 3 }]) {
      devices.push(await openCpuDevice(options));
    }
  });
  afterAll(() => Promise.all(devices.map((device) => device.destroy())));

  test.each(Object.keys(cases))("%s", async (name) => {
    const bits = await Promise.all(
      devices.map(async (device) => {
        const results: Record<string, Uint32Array> = {};
        for (const [key, result] of Object.entries(cases[name]?.(device) ?? {})) {
          results[key] = new Uint32Array(await device.read(result));
        }
        return results;
      }),
    );
    const [alone, ...others] = bits;
    for (const key of Object.keys(alone ?? {})) {
      const distinct = new Set(alone?.[key]).size;
      expect(distinct, `${key} is not constant`).toBeGreaterThan(
        alone?.[key]?.length === 1 ? 0 : 8,
      );
      for (const other of others) expect(other[key], key).toEqual(alone?.[key]);
    }
  });
});
