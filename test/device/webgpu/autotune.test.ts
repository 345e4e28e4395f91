import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { DeviceLostError, DeviceValidationError } from "../../../src/device/errors.js";
import { loadTuned, type TuneHost, tune } from "../../../src/device/webgpu/autotune.js";
import { kernelCode, variantShaders } from "../../../src/device/webgpu/kernel-code.js";
import type { Tunable } from "../../../src/device/webgpu/lowering.js";
import {
  storedChoices,
  type TuneStore,
  withChoices,
} from "../../../src/device/webgpu/tune-store.js";
import { VariantChoices } from "../../../src/device/webgpu/variant-choices.js";

/** Milliseconds of the variants of a made-up kernel, on an adapter that is made up too. */
const times: Readonly<Record<string, number>> = { plain: 6, fast: 4, close: 5.9 };
const measured: string[] = [];
let ran = "";
const kernel = (shapeClass: string, names: readonly string[]): Tunable => ({
  ...{ shapeClass, names, preset: "plain", operands: [], flops: 12e6 },
  run: (_, variant) => {
    ran = variant;
  },
});
const host = (): TuneHost => ({
  adapter: "a card",
  choices: new VariantChoices(),
  allocate: (like) => like,
  release: () => {},
  time: async (run) => {
    run({} as Parameters<typeof run>[0]);
    if (measured.at(-1) !== ran) measured.push(ran);
    return times[ran] ?? Number.NaN;
  },
});

class MemoryStore implements TuneStore {
  text: string | null;

  constructor(text: string | null = null) {
    this.text = text;
  }

  async load(): Promise<string | null> {
    return this.text;
  }

  async update(change: (kept: string | null) => string): Promise<void> {
    this.text = change(this.text);
  }
}
const kept = (store: MemoryStore) => storedChoices(store.text, "a card", kernelCode()).choices;

const both = ["plain", "fast"];
const first = kernel("first", both);
const second = kernel("second", ["plain", "close"]);

test("the fastest is kept, and the preset where nothing is faster by 5%", async () => {
  const store = new MemoryStore();
  const results = await tune(host(), [first, second], { store });
  expect(results.map(({ chosen, gflops }) => [chosen, gflops])).toEqual([
    ["fast", 3],
    ["plain", 2],
  ]);
  expect(kept(store)).toEqual({ first: "fast", second: "plain" });
});

test("tuning that is stopped keeps what it measured, and goes on there", async () => {
  const store = new MemoryStore();
  const stop = new AbortController();
  const log = () => stop.abort(new Error("enough"));
  const stopped = tune(host(), [first, second], { store, log, signal: stop.signal });
  await expect(stopped).rejects.toThrow("enough");
  expect(kept(store)).toEqual({ first: "fast" });
  measured.length = 0;
  await tune(host(), [first, second], { store });
  expect(measured).toEqual(["plain", "close"]);
  expect(kept(store)).toEqual({ first: "fast", second: "plain" });
});

test("a variant that fails is left out, but not the preset, nor a lost device", async () => {
  const failing = (names: readonly string[], failure: Error): Tunable => ({
    ...kernel("third", ["plain", "fast", "close"]),
    run: (_, variant) => {
      ran = variant;
      if (names.includes(variant)) throw failure;
    },
  });
  const refused = new DeviceValidationError("the driver refused it");
  const lines: string[] = [];
  const [result] = await tune(host(), [failing(["fast"], refused)], {
    log: (line) => lines.push(line),
  });
  expect(result).toMatchObject({ chosen: "plain", ms: { plain: 6, close: 5.9 } });
  expect(lines[0]).toBe("third: fast is left out: the driver refused it");
  await expect(tune(host(), [failing(["plain"], refused)], {})).rejects.toBe(refused);
  const lost = new DeviceLostError("gone");
  await expect(tune(host(), [failing(["fast"], lost)], {})).rejects.toBe(lost);
});

test("what another tab or process keeps meanwhile stays", async () => {
  const store = new MemoryStore();
  const other = () => {
    store.text = withChoices(store.text, "a card", kernelCode(), { third: "close" });
  };
  await tune(host(), [first, second], { store, log: other });
  expect(kept(store)).toEqual({ first: "fast", second: "plain", third: "close" });
});

test("choices of other kernels are not used and measured again", async () => {
  const store = new MemoryStore(
    withChoices(null, "a card", "deadbeef", { first: "plain", gone: "x" }),
  );
  const choices = new VariantChoices();
  expect(await loadTuned(choices, "a card", store)).toEqual({ choices: {}, stale: 2 });
  expect(choices.choose("first", () => first)).toBeUndefined();
  await tune(host(), [first], { store });
  expect(kept(store)).toEqual({ first: "fast" });
  expect(await loadTuned(choices, "a card", store)).toEqual({
    choices: { first: "fast" },
    stale: 0,
  });
  expect(choices.choose("first", () => first)).toBe("fast");
});

test("the kernels' code covers every shader that variants are made of", () => {
  const folder = new URL("../../../shaders/", import.meta.url);
  const names = readdirSync(folder).filter((name) =>
    /^(compare|group|gemm-|matmul|conv2d)/.test(name),
  );
  const texts = names.map((name) => readFileSync(new URL(name, folder), "utf8"));
  expect([...variantShaders].sort()).toEqual(texts.sort());
  expect(kernelCode()).toMatch(/^[0-9a-f]{8}$/);
});
