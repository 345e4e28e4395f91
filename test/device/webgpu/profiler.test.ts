import { expect, test } from "vitest";
import { profileRows } from "../../../src/device/profile.js";
import type { Slice } from "../../../src/device/storage.js";
import { chromeTrace } from "../../../src/device/trace.js";
import { openWebGpuDevice } from "../../../src/device/webgpu/device.js";
import { Profiler } from "../../../src/device/webgpu/profiler.js";
import { useDevice } from "../../support/devices.js";
import { uniform } from "../../support/random.js";
import { convShape } from "../../support/shapes.js";

const device = useDevice(() => openWebGpuDevice({ variants: { convolution: "winograd" } }));

let seed = 1;
const slice = (length: number): Slice => {
  const storage = device().allocate(length * 4, "test");
  const made = { storage, offset: 0, length };
  device().write(made, Float32Array.from(uniform(seed++, length)));
  return made;
};

const conv = convShape([2, 9, 7, 12], [3, 3, 16], { pad: [1, 1] });
const convFlops = 2 * (2 * 9 * 7) * 16 * (3 * 3 * 12);

/** A convolution of several dispatches, a product of one, three additions and their copies. */
function workload() {
  const image = { x: slice(2 * 9 * 7 * 12), w: slice(9 * 12 * 16), out: slice(2 * 9 * 7 * 16) };
  const [a, b, out] = [slice(37 * 21), slice(21 * 35), slice(37 * 35)];
  const sizes = { batch: 1, m: 37, n: 35, k: 21, batchStrideA: 0, batchStrideB: 0 };
  const [x, y] = [slice(10_001), slice(10_001)];
  const operand = { slice: x, strides: [1] };
  return () => {
    device().run("conv2d", { ...image, shape: conv });
    device().run("matmul", { a, b, bias: null, out, transA: false, transB: false, ...sizes });
    for (let i = 0; i < 3; i++) {
      const inputs = [operand, operand];
      device().run("elementwise", {
        ...{ kernel: "add", inputs, out: y, shape: [10_001], scalars: [0, 0] },
      });
      device().run("copy", { src: y, dst: x });
    }
  };
}

test("the table counts calls, operations and bytes by definition, and its times add up", async () => {
  const run = workload();
  device().profile(true);
  const before = device().counters.dispatches;
  run();
  const calls = await device().profileReport();
  device().profile(false);
  const dispatches = device().counters.dispatches - before;
  const rows = profileRows(calls, { peaks: { gflops: 50, gbytes: 8 } });
  const row = (name: string) => rows.find((r) => r.name === name);

  expect(rows.map(({ name, calls }) => [name, calls]).sort()).toEqual([
    ["conv2d", 1],
    ["copy", 3],
    ["elementwise add", 3],
    ["matmul", 1],
  ]);
  expect(rows.reduce((sum, r) => sum + r.dispatches, 0)).toBe(dispatches);
  expect(rows.reduce((sum, r) => sum + r.share, 0)).toBeCloseTo(1, 9);
  expect(row("conv2d")?.parts.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["winograd-input", "winograd-filter", "winograd-output"]),
  );
  for (const r of rows) {
    expect(r.ms).toBeGreaterThan(0);
    expect(r.ms).toBeLessThan(10_000);
    expect(r.parts.reduce((sum, part) => sum + part.ms, 0)).toBeCloseTo(r.ms, 9);
  }
  // Operations and bytes come back from the rates.
  const flops = (name: string) => (row(name)?.gflops ?? 0) * (row(name)?.ms ?? 0) * 1e6;
  const bytes = (name: string) => (row(name)?.gbytes ?? 0) * (row(name)?.ms ?? 0) * 1e6;
  expect(flops("conv2d")).toBeCloseTo(convFlops, 3);
  expect(flops("matmul")).toBeCloseTo(2 * 37 * 35 * 21, 3);
  expect(flops("elementwise add")).toBeCloseTo(3 * 10_001, 3);
  expect(bytes("matmul")).toBeCloseTo(4 * (37 * 21 + 21 * 35 + 37 * 35), 3);
  expect(bytes("copy")).toBeCloseTo(3 * 2 * 4 * 10_001, 3);
  // The same slice twice is read once.
  expect(bytes("elementwise add")).toBeCloseTo(3 * 2 * 4 * 10_001, 3);
  const floor = (3 * 2 * 4 * 10_001) / 8 / 1e6;
  expect((row("copy")?.ofRoofline ?? 0) * (row("copy")?.ms ?? 0)).toBeCloseTo(floor, 9);
  expect(await device().profileReport()).toEqual([]);
});

test("every replay of a recording is profiled, also one recorded before", async () => {
  const recording = device().capture(workload());
  const before = device().counters.dispatches;
  device().profile(true);
  for (let i = 0; i < 3; i++) recording.replay();
  const calls = await device().profileReport();
  device().profile(false);
  expect(calls.map(({ name }) => name).slice(8, 12)).toEqual([
    ...["conv2d", "matmul", "elementwise add", "copy"],
  ]);
  expect(calls).toHaveLength(3 * 8);
  const dispatches = device().counters.dispatches - before;
  expect(calls.reduce((sum, call) => sum + call.dispatches.length, 0)).toBe(dispatches);
  expect(profileRows(calls, { by: "shape" }).map(({ name }) => name)).toContain(
    "conv2d 2x9x7 12>16 3x3",
  );
  recording.release();
});

test("the trace holds every dispatch, in order, inside its call", async () => {
  const run = workload();
  const before = device().counters.dispatches;
  device().profile(true);
  run();
  run();
  const calls = await device().profileReport();
  device().profile(false);
  const trace = JSON.parse(chromeTrace(calls, device().info.name)) as {
    traceEvents: { name: string; ph: string; tid: number; ts: number; dur: number }[];
  };
  const events = trace.traceEvents.filter(({ ph }) => ph === "X");
  const tracks = [1, 2].map((track) => events.filter(({ tid }) => tid === track));
  const [onCalls = [], onDispatches = []] = tracks;
  expect(onCalls).toHaveLength(2 * 8);
  expect(onDispatches).toHaveLength(device().counters.dispatches - before);
  for (const track of tracks) {
    for (const [i, { ts, dur }] of track.entries()) {
      const next = track[i + 1];
      expect(dur).toBeGreaterThanOrEqual(0);
      if (next) expect(next.ts).toBeGreaterThanOrEqual(ts + dur - 1e-6);
    }
  }
  const covered = onCalls.flatMap(({ ts, dur }) =>
    onDispatches.filter((d) => d.ts >= ts - 1e-6 && d.ts + d.dur <= ts + dur + 1e-6),
  );
  expect(new Set(covered).size).toBe(onDispatches.length);
});

test("without timestamps the error says what is missing and what to do", () => {
  const gpu = { features: new Set(["shader-f16"]) } as unknown as GPUDevice;
  expect(() => new Profiler(gpu).enable(true)).toThrow(
    /timestamp-query, which this adapter does not offer: use another adapter.*requiredFeatures/,
  );
});
