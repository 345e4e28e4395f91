import { expect } from "vitest";
import type { ImageSet } from "../../src/data/image-set.js";
import type { DefenseDefinition, DefenseHooks } from "../../src/defenses/index.js";
import type { NormMasks } from "../../src/defenses/norm-masks.js";
import type { Device } from "../../src/device/device.js";
import type { StateDict } from "../../src/io/state-dict.js";
import { type ResNet, resnet18 } from "../../src/models/resnet.js";
import { type Placement, place } from "../../src/nn/place.js";
import { loadStateDict, stateDict } from "../../src/nn/state-dict.js";
import type { Fields, Given } from "../../src/schema/index.js";
import { BatchInput } from "../../src/training/batch-input.js";
import type { PausedFit } from "../../src/training/pause.js";
import { readFixture, unpack } from "./fixtures.js";
import { tinyModel, tinySet } from "./tiny.js";
import { trainingFixture } from "./training-fixture.js";
import { tuningFixture, tuningImages } from "./tuning-fixture.js";

/** What PyTorch finds: cross-entropy before each step, and the head after the last. */
export interface Trajectory<Options> {
  readonly options: Options;
  readonly losses64: readonly number[];
  readonly head64: string;
  /** How far PyTorch's own float32 runs, their weights moved by a part in 1e7, are from float64. */
  readonly apart: number;
  readonly away: number;
}

interface DefensesFile {
  readonly ftSam: readonly Trajectory<{ rho: number; adaptive: boolean }>[];
  readonly d3: readonly Trajectory<{ weight: number; eps: number }>[];
  readonly anp: readonly Trajectory<{ eps: number; ascents: number; alpha: number }>[];
  readonly rnp: readonly Trajectory<{ alpha: number }>[];
  readonly npd: readonly Trajectory<{
    weight: number;
    radius: number;
    step: number;
    ascents: number;
  }>[];
  readonly iBau: {
    readonly penalty: number;
    readonly fixedPoints: number;
    readonly innerLr: number;
    readonly outer: number;
    /** The hypergradient, and the part of it that knows nothing of the perturbation's dependence. */
    readonly gradients: Readonly<Record<string, { readonly all: string; readonly direct: string }>>;
  };
  readonly sau: {
    readonly count: number;
    readonly classes: number;
    readonly sharing: number;
    readonly dOwn: string;
    readonly dTold: string;
    readonly unlearning: number;
    readonly dUnlearning: string;
  };
  readonly nc: {
    readonly target: number;
    readonly cost: number;
    readonly epochs: number;
    readonly losses: readonly number[];
    readonly norm: number;
    readonly mask: string;
    readonly pattern: string;
  };
  readonly nad: readonly Trajectory<{ beta: number; power: number }>[];
}

/** See defenses.py. */
export const defensesFixture = (): DefensesFile => readFixture("defenses.json") as DefensesFile;

/** The images of the fixtures: one batch. */
export const fixtureImages = (): ImageSet => tuningImages(tuningFixture());

/** Steps as PyTorch's fixtures take them. */
export const fixtureLoop = {
  ...{ lr: 0.01, momentum: 0.9, batchSize: 6, seed: 0 },
  augmentation: { pad: 0, flip: false },
};

/** The images of the fixtures on a device. */
export function fixtureInput(device: Device): BatchInput {
  const set = fixtureImages();
  const input = new BatchInput(device, set, set.labels.length);
  input.write(set, { seed: 0, epoch: 0, step: 0 });
  return input;
}

/** The victim of the fixtures. */
export function fixtureVictim(device: Device): { model: ResNet; placement: Placement } {
  const { width, classes } = tuningFixture();
  const model = resnet18({ width, classes });
  const placement = place(model, device, { seed: 0 });
  const state: StateDict = new Map();
  for (const [name, { shape, data }] of trainingFixture().initialState) {
    state.set(name, { dtype: "F32", shape, data });
  }
  loadStateDict(model, state);
  return { model, placement };
}

/** Runs a defense on the fixtures' victim and compares it with PyTorch. */
export async function followsPyTorch<F extends Fields>(
  device: Device,
  defense: DefenseDefinition<F>,
  options: Given<F>,
  expected: Trajectory<unknown>,
): Promise<void> {
  const { model, placement } = fixtureVictim(device);
  const losses: number[] = [];
  const onEpoch: DefenseHooks["onEpoch"] = ({ loss }) => void losses.push(loss);
  await defense.run(model, fixtureImages(), options, { onEpoch });
  const head = (await stateDict(model)).get("linear.weight")?.data as Float32Array;
  placement.release();
  expect(losses.length).toBe(expected.losses64.length);
  // PyTorch's nudged runs are a sample of what rounding does; four times their largest is the bar.
  expected.losses64.forEach((loss, i) => {
    const apart = Math.abs((losses[i] ?? Number.NaN) - loss);
    expect(apart, `loss ${i}`).toBeLessThan(4 * Math.max(expected.apart, 5e-7));
  });
  const head64 = unpack(expected.head64);
  const away = norm(head64.map((w, i) => w - (head[i] ?? Number.NaN))) / norm(head64);
  expect(away, "head").toBeLessThan(4 * Math.max(expected.away, 2e-7));
}

/** Holds that masks are those of PyTorch, and have moved. */
export function areMasks(
  masks: NormMasks,
  found: Float32Array,
  expected: Trajectory<unknown>,
): void {
  const masks64 = unpack(expected.head64);
  expect(found.length).toBe(masks64.length);
  expect(masks.channels.reduce((sum, c) => sum + c, 0)).toBe(masks64.length);
  const moved = norm(masks64.map((m) => 1 - m));
  const apart = norm(masks64.map((m, i) => m - (found[i] ?? Number.NaN)));
  expect(moved).toBeGreaterThan(0.01);
  expect(apart).toBeLessThan(4 * Math.max(expected.away, 2e-7) * norm(masks64));
  expect(apart).toBeLessThan(0.02 * moved);
}

/** All masks, norm after norm. */
export async function maskValues(masks: NormMasks): Promise<Float32Array> {
  const all = await Promise.all(masks.masks.map(({ value }) => value.read()));
  return Float32Array.from(all.flatMap((values) => [...values]));
}

export const norm = (x: ArrayLike<number>): number =>
  Math.sqrt(Array.from(x).reduce((sum, v) => sum + v * v, 0));

export const dataOf = (state: StateDict, name: string): Float32Array =>
  state.get(name)?.data as Float32Array;

/** A defense's result on a tiny model. */
export async function purified<F extends Fields>(
  device: Device,
  defense: DefenseDefinition<F>,
  options: Given<F>,
  hooks: DefenseHooks = {},
  set: ImageSet = tinySet(30, 2),
) {
  const { model, placement } = tinyModel(device);
  const before = await stateDict(model);
  try {
    await defense.run(model, set, options, hooks);
    expect(model.modules().every(([, module]) => !module.training)).toBe(true);
    expect(model.parameters().every(([, p]) => p.trainable)).toBe(true);
    return { before, after: await stateDict(model) };
  } finally {
    placement.release();
  }
}

/** Holds that a run which goes on after its first epoch ends as one without a pause, bit for bit. */
export async function resumesBitForBit<F extends Fields>(
  device: Device,
  defense: DefenseDefinition<F>,
  options: Given<F>,
): Promise<void> {
  let first: PausedFit | undefined;
  let pauses = 0;
  const whole = await purified(device, defense, options, {
    onPause: async (state) => {
      pauses++;
      first ??= state;
    },
  });
  if (!first) throw new Error("the defense was never paused");
  expect(pauses).toBeGreaterThan(1);
  let after = 0;
  const rest = await purified(device, defense, options, {
    resume: first,
    onPause: async () => void after++,
  });
  expect(after).toBe(pauses - 1);
  expect(rest.after).toEqual(whole.after);
  expect(whole.after).not.toEqual(whole.before);
}
