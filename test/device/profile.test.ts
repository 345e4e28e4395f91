import { expect, test } from "vitest";
import { costOf } from "../../src/device/costs.js";
import { type ProfiledCall, profileRows } from "../../src/device/profile.js";
import type { Slice } from "../../src/device/storage.js";
import { chromeTrace } from "../../src/device/trace.js";
import { convShape } from "../support/shapes.js";

const slice = (length: number): Slice => ({
  storage: { id: 1, bytes: 4 * length, label: "x", live: true, kept: true, writes: undefined },
  offset: 0,
  length,
});

test("operations and bytes are those of the definition", () => {
  const shape = convShape([5, 9, 7, 6], [3, 3, 11], { stride: [2, 2], pad: [1, 1] });
  const [x, w, y] = [slice(5 * 9 * 7 * 6), slice(9 * 6 * 11), slice(5 * 5 * 4 * 11)];
  const flops = 2 * (5 * 5 * 4 * 11) * (9 * 6);
  const bytes = 4 * (x.length + w.length + y.length);
  const name = "5x9x7 6>11 3x3/2";
  expect(costOf("conv2d", { x, w, out: y, shape })).toEqual({
    ...{ name: "conv2d", shape: name, flops, bytes },
  });
  expect(costOf("conv2dWeightGrad", { x, dy: y, dw: w, shape })).toMatchObject({ flops, bytes });
  expect(costOf("conv2dInputGrad", { dy: y, w, dx: x, shape })).toMatchObject({ flops, bytes });

  // sigmoid's gradient, g y (1 - y).
  const [g, out] = [slice(33), slice(33)];
  const inputs = [g, slice(33)].map((operand) => ({ slice: operand, strides: [1] }));
  const call = { inputs, out, shape: [33], scalars: [0, 0] } as const;
  expect(costOf("elementwise", { kernel: "sigmoid.d0", ...call })).toMatchObject({
    ...{ name: "elementwise sigmoid.d0", bytes: 4 * 3 * 33, flops: 3 * 33 },
  });
  const [params, grads, velocity] = [slice(77), slice(77), slice(77)];
  expect(costOf("sgd", { params, grads, velocity, hyper: slice(4), skip: null })).toMatchObject({
    ...{ flops: 6 * 77, bytes: 4 * 5 * 77 },
  });
  // A cast reads 4 bytes an element and writes 2.
  const half = { ...slice(33), type: "f16" } as const;
  const cast = { ...call, inputs: [{ slice: slice(33), strides: [1] }], out: half };
  expect(costOf("elementwise", { kernel: "cast", ...cast })).toMatchObject({
    ...{ bytes: (4 + 2) * 33, flops: 0 },
  });
  expect(costOf("unscale", { grads, state: slice(4) })).toMatchObject({
    ...{ bytes: 4 * 2 * 77, flops: 77 },
  });
  const rows = { rows: 13, channels: 5, relu: true };
  const vectors = { gamma: slice(5), beta: slice(5), runningMean: slice(5), runningVar: slice(5) };
  const norm = { ...vectors, mean: slice(5), invStd: slice(5), momentum: 0.1, eps: 1e-5 };
  const [image, residual, normed] = [slice(65), slice(65), slice(65)];
  expect(costOf("batchNorm", { ...rows, ...norm, x: image, residual, out: normed })).toMatchObject({
    flops: 8 * 65,
    bytes: 4 * 4 * 65,
  });
});

const call = (name: string, flops: number, bytes: number, ...times: number[]): ProfiledCall => {
  const dispatches = times.flatMap((start, i) =>
    i % 2 === 0 ? [{ name: `${name} ${i / 2}`, start, end: times[i + 1] ?? 0 }] : [],
  );
  return { name, shape: "1x1", flops, bytes, dispatches };
};

test("a row's roofline is the sum of its calls' floors", () => {
  const calls = [
    call("conv2d", 4e6, 1e6, 0, 1, 1, 3), // 2 ms of arithmetic, 0.25 ms of memory, in 3 ms
    call("copy", 0, 8e6, 3, 5), // 2 ms of memory in 2 ms
    call("conv2d", 0, 4e6, 5, 10), // 1 ms of memory in 5 ms
  ];
  const rows = profileRows(calls, { peaks: { gflops: 2, gbytes: 4 } });
  expect(rows.map(({ name, bound, calls }) => [name, bound, calls])).toEqual([
    ["conv2d", "arithmetic", 2],
    ["copy", "memory", 1],
  ]);
  const [conv, copy] = rows;
  expect(conv).toMatchObject({ ms: 8, share: 0.8, gflops: 0.5, dispatches: 3 });
  expect(conv?.ofRoofline).toBeCloseTo(3 / 8, 12);
  expect(conv?.parts).toEqual([
    { name: "conv2d 0", calls: 2, ms: 6 },
    { name: "conv2d 1", calls: 1, ms: 2 },
  ]);
  expect(copy).toMatchObject({ gbytes: 4, ofRoofline: 1 });
  expect(profileRows(calls)[0]?.ofRoofline).toBeNaN();
});

test("a trace shows dispatches that overlap one after the other, and tells their own times", () => {
  const { traceEvents } = JSON.parse(
    chromeTrace([call("a", 1, 1, 0, 2), call("b", 1, 1, 1.5, 3, 2, 2.5)], "a GPU"),
  );
  const dispatches = traceEvents.filter((e: { cat?: string }) => e.cat === "dispatch");
  expect(dispatches.map((e: { ts: number; dur: number }) => [e.ts, e.dur])).toEqual([
    [0, 2000],
    [2000, 1000],
    [3000, 0],
  ]);
  expect(dispatches[1].args).toEqual({ startMs: 1.5, endMs: 3 });
  expect(traceEvents[0]).toMatchObject({ ph: "M", name: "process_name", args: { name: "a GPU" } });
});
