import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { columns } from "../../src/cli/columns.js";
import { choiceTable } from "../../src/cli/device.js";
import { profileTable } from "../../src/cli/profile.js";
import { tunedPath } from "../../src/cli/tuned.js";
import type { KernelChoice } from "../../src/device/choices.js";
import { kernelCode } from "../../src/device/webgpu/kernel-code.js";
import { withChoices } from "../../src/device/webgpu/tune-store.js";
import { fileTuneStore } from "../../src/device/webgpu/tune-store-file.js";
import { CommandLine } from "./command-line.js";

/** Room for a cold compiler on a busy machine. */
const slow = { timeout: 600_000 };

let cli: CommandLine;
beforeAll(async () => {
  cli = await CommandLine.build();
  process.env.XDG_CACHE_HOME = cli.folder;
});
afterAll(() => cli.remove());

test(
  "device shows peaks, and the CPU device's convolutions with what they cost",
  slow,
  async () => {
    const small = ["--device", "cpu", "--choices", "--width", "5", "--batch-size", "3"];
    const run = await cli.run(["device", ...small, "--json"]);
    expect(run).toMatchObject({ code: 0 });
    const { devices } = JSON.parse(run.stdout);
    expect(devices).toHaveLength(1);
    const [{ peaks, choices, info }] = devices;
    expect(info.kind).toBe("cpu");
    expect(peaks.gflops).toBeGreaterThan(0.1);
    expect(peaks.gbytes).toBeGreaterThan(0.1);
    const first = choices.find(
      (c: { shapeClass: string }) => c.shapeClass === "conv2d 3x32x32 5>5 3x3",
    );
    expect(first).toMatchObject({ reason: "cost model" });
    expect(Object.keys(first.cycles).sort()).toEqual([...first.variants].sort());
    expect(first.cycles[first.variant]).toBe(Math.min(...Object.values<number>(first.cycles)));
    for (const pass of ["conv2d", "conv2dInputGrad", "conv2dWeightGrad"]) {
      expect(choices.filter((c: { shapeClass: string }) => c.shapeClass.startsWith(`${pass} `)))
        // Seven 3x3 shapes and three 1x1; the images' gradient is not needed.
        .toHaveLength(pass === "conv2dInputGrad" ? 10 : 11);
    }
    const plain = await cli.run(["device", ...small]);
    expect(plain.stdout).toMatch(/peak arithmetic +\d+\.\d GFLOP\/s\n +peak copy +\d+\.\d GB\/s/);
    expect(plain.stdout).toMatch(/conv2d 3x32x32 5>5 3x3 +(gemm|winograd\d) \d+\.\d\d +cost model/);
  },
);

test("what device --tune left is used by later commands", slow, async () => {
  const gpu = ["device", "--device", "webgpu", "--width", "16", "--batch-size", "3", "--json"];
  const before = await cli.run([...gpu, "--choices"]);
  expect(before).toMatchObject({ code: 0 });
  const [{ choices: presets, limits, info }] = JSON.parse(before.stdout).devices;
  expect(limits.maxBufferSize).toBeGreaterThan(2 ** 20);
  expect(new Set(presets.map((c: { reason: string }) => c.reason))).toEqual(new Set(["preset"]));

  // As --tune leaves them: one that differs from the preset, one of a kernel that is gone.
  // Of the products: another algorithm for a convolution would make other products.
  const products = presets.filter((c: KernelChoice) => !c.shapeClass.startsWith("convolution "));
  const measured = products.find((c: KernelChoice) => c.variants.length > 1);
  const stale = products.find((c: KernelChoice) => c !== measured);
  const other = measured.variants.find((name: string) => name !== measured.variant);
  const known = { [measured.shapeClass]: other, [stale.shapeClass]: "tile33" };
  expect(tunedPath().startsWith(cli.folder)).toBe(true);
  const store = fileTuneStore(tunedPath());
  await store.update((text) => withChoices(text, info.name, kernelCode(), known));
  await store.update((text) => withChoices(text, "another", kernelCode(), known));

  const after = await cli.run([...gpu, "--choices"]);
  const [{ choices }] = JSON.parse(after.stdout).devices;
  const found = (like: { shapeClass: string }) =>
    choices.find((c: { shapeClass: string }) => c.shapeClass === like.shapeClass);
  expect(found(measured)).toMatchObject({ variant: other, reason: "tuned" });
  expect(found(stale)).toEqual(stale);
  expect(after.stderr).toContain(`2 choices tuned here before, ${tunedPath()}`);

  await store.update((text) => withChoices(text, info.name, "deadbeef", known));
  const updated = await cli.run([...gpu, "--choices"]);
  expect(JSON.parse(updated.stdout).devices[0].choices).toEqual(presets);
  expect(updated.stderr).toContain(
    `2 choices in ${tunedPath()} are of another shiftgrad's kernels and are not used`,
  );
});

test(
  "device --check compares kernels and tells which, or refuses what it cannot",
  slow,
  async () => {
    const run = await cli.run(["device", "--check", "--only", "reduce,oneHot,preset"]);
    expect(run).toMatchObject({ code: 0 });
    const rows = run.stdout.split("\n").filter((line) => / (max|exact) +ok$/.test(line));
    expect(rows.map((line) => line.split(/ +/).slice(0, 4))).toEqual([
      ["oneHot", "f32", "preset", "3"],
      ["reduce", "f32", "preset", "75"],
      ["reduce", "f16", "preset", "75"],
    ]);
    expect(run.stdout).toContain("3 of 3 rows ok");

    const json = await cli.run(["device", "--only", "copy,preset", "--json"]);
    const { device, rows: copies } = JSON.parse(json.stdout);
    expect(device.features).toContain("shader-f16");
    expect(copies[0]).toMatchObject({ kernel: "copy", stored: "f32", error: 0, wrong: null });

    const nothing = await cli.run(["device", "--only", "copy,winograd"]);
    expect(nothing.code).toBe(1);
    expect(nothing.stderr).toContain("no kernel of those asked for by winograd");
    const unknown = await cli.run(["device", "--only", "copy,tile33"]);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain('"tile33" is no kernel and no variant');
    const cpu = await cli.run(["device", "--check", "--device", "cpu"]);
    expect(cpu.code).toBe(2);
    expect(cpu.stderr).toContain("needs --device webgpu");
  },
);

test("profile prints a table or JSON, and leaves a trace of every dispatch", slow, async () => {
  const step = ["profile", "--width", "1", "--batch-size", "2", "--steps", "2"];
  const run = await cli.run([...step, "--trace", "step.json", "--json"]);
  expect(run).toMatchObject({ code: 0 });
  const { rows, peaks, steps } = JSON.parse(run.stdout);
  expect(steps).toBe(2);
  expect(peaks.gflops).toBeGreaterThan(0.1);
  const row = (name: string) => rows.find((r: { name: string }) => r.name === name);
  expect(row("conv2d").calls).toBe(2 * 20);
  expect(row("conv2dInputGrad").calls).toBe(2 * 19);
  expect(row("sgd")).toMatchObject({ calls: 2, dispatches: 2, bound: "memory" });
  const { traceEvents } = JSON.parse(`${await readFile(join(cli.folder, "step.json"))}`);
  const dispatches = traceEvents.filter((e: { cat?: string }) => e.cat === "dispatch");
  const sum = rows.reduce((n: number, r: { dispatches: number }) => n + r.dispatches, 0);
  expect(dispatches).toHaveLength(sum);
});

test("tables line up", () => {
  expect(
    columns([
      ["a", "bb"],
      ["ccc", "d"],
    ]),
  ).toEqual(["a     bb", "ccc    d"]);
  const parts = [
    { name: "x-in", calls: 2, ms: 3 },
    { name: "x-out", calls: 2, ms: 1 },
  ];
  const rates = { share: 1, gflops: 2.5, gbytes: 0, ofRoofline: 0.25 };
  const row = {
    name: "x",
    calls: 2,
    dispatches: 4,
    ms: 4,
    ...rates,
    parts,
    bound: "memory" as const,
  };
  expect(profileTable([row], 2)).toEqual([
    "           calls     ms     time   GFLOP/s   GB/s   of roofline   bound by",
    "x              1   2.00   100.0%       2.5                25.0%     memory",
    "  x-in         1   1.50    75.0%",
    "  x-out        1   0.50    25.0%",
    "one step       1   2.00",
  ]);
  const choice = { shapeClass: "conv2d 3x3", variant: "b", variants: ["a", "b", "c"] };
  expect(
    choiceTable([{ ...choice, reason: "cost model", cycles: { a: 2e6, b: 1e6, c: 3.456e6 } }])[1],
  ).toBe("  conv2d 3x3        b 1.00                         cost model  a 2.00, c 3.46");
});

test("the choices lie in the system's cache directory", () => {
  expect(tunedPath("linux", {}, "/home/u")).toBe("/home/u/.cache/shiftgrad/tuned.json");
  expect(tunedPath("darwin", {}, "/Users/u")).toBe("/Users/u/Library/Caches/shiftgrad/tuned.json");
  expect(tunedPath("linux", { XDG_CACHE_HOME: "/var/c" }, "/home/u")).toBe(
    "/var/c/shiftgrad/tuned.json",
  );
  expect(tunedPath("linux", { SHIFTGRAD_TUNED: "x/card.json", XDG_CACHE_HOME: "/var/c" })).toBe(
    "x/card.json",
  );
});
