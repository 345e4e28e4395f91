import { describe, expect, test, vi } from "vitest";
import { check } from "../../src/cli/check.js";
import { Progress } from "../../src/cli/progress.js";
import { openCpuDevice } from "../../src/device/cpu/open.js";
import type { Device } from "../../src/device/device.js";
import type { KernelName } from "../../src/device/kernels.js";
import { openWebGpuDevice, type WebGpuDevice } from "../../src/device/webgpu/device.js";
import { boundsOf, fieldOf } from "../../src/kernel-check/bounds.js";
import { kernelCases } from "../../src/kernel-check/cases/index.js";
import type { CaseOf } from "../../src/kernel-check/cases/table.js";
import { checkKernels, type KernelCheckOptions } from "../../src/kernel-check/check.js";
import { Draw } from "../../src/kernel-check/draw.js";
import { HalfArray } from "../../src/kernel-check/half-array.js";
import { arraysOf } from "../../src/kernel-check/host-call.js";
import { useDevice } from "../support/devices.js";

/** Room for a cold compiler on a busy machine. */
const slow = { timeout: 600_000 };

const names = Object.keys(kernelCases) as KernelName[];
const onHalves: readonly KernelName[] = [
  ...(["copy", "fill", "move", "augment", "elementwise", "reduce", "pool2d"] as const),
  ...(["pool2dBackward", "matmul", "conv2d", "conv2dInference", "conv2dInputGrad"] as const),
  ...(["conv2dWeightGrad", "batchNorm", "batchNormInference", "batchNormBackward"] as const),
  ...(["layerNorm", "layerNormBackward", "depthwise2d", "depthwise2dWeightGrad"] as const),
];

describe("the calls", () => {
  const callsOf = <K extends KernelName>(kernel: K, stored: "f32" | "f16") =>
    kernelCases[kernel].map((build: CaseOf<K>, i) => build(new Draw(stored, `${kernel} ${i}`)));

  test.each(names)("of %s have every result, and no operand of zeros", (kernel) => {
    const calls = callsOf(kernel, "f32");
    for (const result of Object.keys(boundsOf(kernel, calls[0] as never))) {
      expect(calls.some((call) => fieldOf(call, result))).toBe(true);
    }
    for (const array of calls.flatMap(arraysOf)) {
      if (array instanceof Float64Array) expect(array.some((x) => x !== 0)).toBe(true);
    }
  });

  test("are on halves where kernels take them", () => {
    const half = (kernel: KernelName): boolean =>
      callsOf(kernel, "f16")
        .flatMap(arraysOf)
        .some((array) => array instanceof HalfArray);
    expect(names.filter(half).sort()).toEqual([...onHalves].sort());
  });
});

const reference = useDevice(openCpuDevice);

const open: KernelCheckOptions["open"] = (variants) => openWebGpuDevice({ variants });

/** A device whose kernel `run` is another one. */
function faulty(device: WebGpuDevice, run: (device: Device, kernel: string) => boolean) {
  return new Proxy(device, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (name === "run") {
        return (kernel: KernelName, call: never) => {
          if (!run(target, kernel)) target.run(kernel, call);
        };
      }
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

test("the software adapter's kernels agree with the CPU device's", slow, async () => {
  const check = (kernels: readonly KernelName[], variants: readonly string[]) =>
    checkKernels({ reference: reference(), open, kernels, variants });
  // Forced variants one kernel at a time: a cold compiler takes seconds for each.
  const rows = [
    ...(await check(names, ["preset"])),
    ...(await check(["conv2d"], ["tile32deep", "winograd"])),
  ];
  expect(rows.filter(({ wrong }) => wrong !== null)).toEqual([]);
  for (const { error, bound } of rows) expect(error).toBeLessThanOrEqual(bound);
  const run = (variant: string, stored: string): string[] =>
    rows
      .filter((row) => row.variant === variant && row.stored === stored)
      .map(({ kernel }) => kernel);
  expect(run("preset", "f32")).toEqual(names);
  expect(run("preset", "f16").sort()).toEqual([...onHalves].sort());
  for (const stored of ["f32", "f16"]) {
    for (const variant of ["tile32deep", "winograd"]) {
      expect(run(variant, stored)).toEqual(["conv2d"]);
    }
  }
});

describe("a wrong kernel", () => {
  const kernels: KernelName[] = ["gatherRows", "sgd", "oneHot"];
  const variants = ["preset"];

  test("is a wrong row, and the command fails", slow, async () => {
    const wrongly: typeof open = async (forced) =>
      faulty(await open(forced), (_, kernel) => kernel === "sgd");
    const told: string[] = [];
    const rows = await checkKernels({
      ...{ reference: reference(), open: wrongly, kernels, variants },
      onStage: (stage) => told.push(stage),
      onProgress: (done, all) => {
        if (done === all) told.push("all");
      },
      onRows: (found) => told.push(`${found.length} rows`),
    });
    expect(told).toEqual([
      ...["computing what is expected", "compiling preset", "all"],
      ...["checking preset", "all", "3 rows"],
    ]);
    expect(rows.map(({ kernel, wrong }) => [kernel, wrong !== null])).toEqual([
      ["gatherRows", false],
      ["sgd", true],
      ["oneHot", false],
    ]);
    expect(rows[1]).toMatchObject({ stored: "f32", calls: 12 });
    expect(rows[1]?.error).toBeGreaterThan(1e-3);
    expect(rows[1]?.wrong).toMatch(/^sgd\.params: max error .* is above 0\.00001; \d+ of 3 elem/);

    const print = vi.spyOn(process.stdout, "write").mockReturnValue(true);
    const only = ["sgd", "oneHot", "preset"];
    await expect(check({ only }, new Progress(process.stderr), wrongly)).rejects.toThrow(
      /wrong results\n {2}preset, f32: sgd\.params: max error/,
    );
    const printed = print.mock.calls.map(([text]) => text).join("");
    print.mockRestore();
    expect(printed).toMatch(/sgd +f32 +preset +12 +\S+ +1\.0e-5 +max +WRONG\n/);
    expect(printed).toMatch(/oneHot +f32 +preset +3 +0\.0e\+0 +0\.0e\+0 +exact +ok\n/);
  });

  test("that throws is told, and the others run on a device of their own", slow, async () => {
    let opened = 0;
    const throwing: typeof open = async (forced) => {
      opened++;
      return faulty(await open(forced), (_, kernel) => {
        if (kernel === "sgd") throw new Error("the driver choked");
        return false;
      });
    };
    const rows = await checkKernels({ reference: reference(), open: throwing, kernels, variants });
    expect(rows.map(({ wrong }) => wrong)).toEqual([null, "the driver choked", null]);
    expect(rows[1]?.calls).toBe(12);
    expect(opened).toBe(1 + 1 + 12);
  });

  test("that writes beside its slice is found", slow, async () => {
    const beyond: typeof open = async (forced) => {
      const device = await open(forced);
      return new Proxy(device, {
        get(target, name) {
          const value = Reflect.get(target, name, target);
          if (name === "run") {
            return (kernel: KernelName, call: { dst: { length: number } }) => {
              const { dst } = call;
              const more = kernel === "fill" ? { dst: { ...dst, length: dst.length + 1 } } : {};
              target.run(kernel, { ...call, ...more } as never);
            };
          }
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
    };
    const [row] = await checkKernels({
      reference: reference(),
      open: beyond,
      kernels: ["fill"],
      variants,
    });
    expect(row?.wrong).toMatch(/wrote outside its slice/);
  });
});
