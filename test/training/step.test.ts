import { expect, it } from "vitest";
import { backward, gradients } from "../../src/autograd/index.js";
import { epochOrder } from "../../src/data/loader.js";
import type { Device, DeviceCounters } from "../../src/device/device.js";
import { Linear } from "../../src/nn/layers.js";
import { Module, Sequential } from "../../src/nn/module.js";
import { place, placementOf } from "../../src/nn/place.js";
import { stateDict } from "../../src/nn/state-dict.js";
import { flatValues, viewValues, withValues } from "../../src/nn/values.js";
import { crossEntropy } from "../../src/ops/cross-entropy.js";
import { add, affine, mul, powScalar, square, sub, tanh } from "../../src/ops/elementwise.js";
import { normal } from "../../src/ops/random.js";
import { mean, sum } from "../../src/ops/reduce.js";
import { Adam } from "../../src/optim/adam.js";
import { constantRate } from "../../src/optim/schedules.js";
import { SGD } from "../../src/optim/sgd.js";
import { tensor } from "../../src/tensor/create.js";
import { Tensor } from "../../src/tensor/tensor.js";
import { fit, type StepProgress } from "../../src/training/fit.js";
import { type PausedFit, pausable } from "../../src/training/pause.js";
import type { GradientRule, Objective } from "../../src/training/step.js";
import { type TensorBatch, tensorSet } from "../../src/training/tensor-batches.js";
import { describeOnDevices } from "../support/devices.js";
import { integers, uniform } from "../support/random.js";
import { tinyModel, tinySet } from "../support/tiny.js";

class Tanh extends Module {
  forward(x: Tensor): Tensor {
    return tanh(x);
  }
}

function network(device: Device, sizes: readonly [number, number, number], seed: number): Module {
  const [i, h, o] = sizes;
  const model = new Sequential(new Linear(i, h), new Tanh(), new Linear(h, o));
  place(model, device, { seed });
  return model;
}

/** 22 examples of three numbers and a class that they decide. */
const count = 22;
const x = Float32Array.from(uniform(7, count * 3, -2, 2));
const y = Uint32Array.from({ length: count }, (_, i) =>
  (x[3 * i] ?? 0) > (x[3 * i + 1] ?? 0) ? 1 : 0,
);
const examples = tensorSet({
  x: { values: x, shape: [3] },
  y: { values: y, shape: [] },
});
type Batch = TensorBatch<"x" | "y">;
const options = { epochs: 3, batchSize: 8, seed: 4, schedule: constantRate(0.1) };

/** Which examples the batches of the first epochs hold. */
const orders = (epochs: number): Uint32Array[] =>
  Array.from({ length: epochs }, (_, epoch) => epochOrder(count, options.seed, epoch)).flatMap(
    (order) => [order.slice(0, 8), order.slice(8, 16), order.slice(16)],
  );

const batchOf = (device: Device, order: Uint32Array): Batch => ({
  x: tensor(
    device,
    [...order].flatMap((i) => [...x.subarray(3 * i, 3 * i + 3)]),
    [order.length, 3],
  ),
  y: tensor(
    device,
    order.map((i) => y[i] ?? 0),
    [order.length],
    "u32",
  ),
});

describeOnDevices("an open training step", (device) => {
  it("trains on any tensors and any objective", async () => {
    const model = network(device(), [3, 8, 2], 1);
    const optimizer = new Adam(model, { lr: 0.05 });
    const losses: number[] = [];
    await fit(model, examples, optimizer, {
      ...options,
      epochs: 40,
      schedule: constantRate(0.05),
      objective: (batch, { forward }) => crossEntropy(forward(batch.x), batch.y),
      onStep: ({ loss }) => {
        losses.push(loss);
      },
    });
    expect(losses.length).toBe(120);
    expect(losses[0]).toBeGreaterThan(0.3);
    expect(losses.at(-1)).toBeLessThan(0.1);
    optimizer.release();
    placementOf(model).release();
  });

  /** A generator that moves x, and a classifier that must stand it: each has its own objective. */
  const adversary =
    (classifier: Module, generator: Module): Objective<Batch> =>
    (batch) => {
      const moved = add(batch.x, affine(tanh(generator.forward(batch.x)), 0.3));
      return affine(crossEntropy(classifier.forward(moved), batch.y), -1);
    };
  const standing =
    (classifier: Module, generator: Module): Objective<Batch> =>
    (batch, context) => {
      const moved = add(batch.x, affine(tanh(generator.forward(batch.x)), 0.3));
      const clean = crossEntropy(classifier.forward(batch.x), batch.y);
      context.report("clean", clean);
      return add(clean, crossEntropy(classifier.forward(moved), batch.y));
    };

  async function duel(changes: { pause?: (state: PausedFit) => void; resume?: PausedFit } = {}) {
    const classifier = network(device(), [3, 8, 2], 1);
    const generator = network(device(), [3, 5, 3], 2);
    const main = new SGD(classifier, { lr: 0.1, momentum: 0.9 });
    const second = new SGD(generator, { lr: 0.05 });
    const steps: StepProgress[] = [];
    const updates = [
      { model: generator, optimizer: second, objective: adversary(classifier, generator) },
    ];
    await fit(classifier, examples, main, {
      ...options,
      objective: standing(classifier, generator),
      updates,
      onStep: (progress) => {
        steps.push(progress);
      },
      ...pausable(
        classifier,
        main,
        {
          ...(changes.resume && { resume: changes.resume }),
          onPause: async (state) => changes.pause?.(state),
        },
        updates,
      ),
    });
    const weights = [await stateDict(classifier), await stateDict(generator)];
    for (const o of [main, second]) o.release();
    for (const m of [classifier, generator]) placementOf(m).release();
    return { steps, weights };
  }

  it("updates several models by turns, bit for bit as a loop of its own does", async () => {
    const { steps, weights } = await duel();
    const classifier = network(device(), [3, 8, 2], 1);
    const generator = network(device(), [3, 5, 3], 2);
    const main = new SGD(classifier, { lr: 0.1, momentum: 0.9 });
    const second = new SGD(generator, { lr: 0.05 });
    const told: number[] = [];
    for (const order of orders(3)) {
      const scope = device().scope();
      const batch = batchOf(device(), order);
      const context = { report: () => {} } as never;
      const loss = standing(classifier, generator)(batch, context);
      backward(loss);
      main.step();
      backward(adversary(classifier, generator)(batch, context));
      second.step();
      const value = loss.item();
      scope[Symbol.dispose]();
      told.push(await value);
    }
    expect(steps.map(({ loss }) => loss)).toEqual(told);
    expect(weights).toEqual([await stateDict(classifier), await stateDict(generator)]);
    expect(Object.keys(steps[0]?.reports ?? {}).sort()).toEqual(["1: loss", "clean", "loss"]);
    expect(steps[4]?.reports.clean).toBeLessThan(steps[4]?.loss ?? 0);
  });

  it("goes on after a pause with every model and optimizer where it was", async () => {
    const states: PausedFit[] = [];
    const whole = await duel({ pause: (state) => states.push(state) });
    const { steps, weights } = await duel({ resume: states[0] as PausedFit });
    expect(steps.map(({ loss }) => loss)).toEqual(whole.steps.slice(3).map(({ loss }) => loss));
    expect(weights).toEqual(whole.weights);
    const { others: _, ...alone } = states[0] as PausedFit;
    await expect(duel({ resume: alone })).rejects.toThrow(/trained 0 other models, this one 1/);
  });

  it("takes values and draws of the host's that differ from step to step", async () => {
    async function run(weightOf: (epoch: number) => number) {
      const model = network(device(), [3, 8, 2], 1);
      const optimizer = new SGD(model, { lr: 0.1 });
      const seen: [number, number, number][] = [];
      await fit(model, examples, optimizer, {
        ...options,
        dropLast: true,
        objective: (batch, context) => {
          // Memory that this gave back may not be the input's.
          const waste = sum(square(mul(batch.x, batch.x)));
          const noise = normal(device(), [8, 3], context.random("noise"));
          const weight = context.input("weight", [], ({ epoch }) => [weightOf(epoch)]);
          context.report("weight", mul(weight, affine(waste, 0, 1)));
          context.report("noise", sum(noise));
          const moved = add(batch.x, mul(noise, weight));
          return crossEntropy(context.forward(moved), batch.y);
        },
        onStep: ({ loss, reports }) => {
          seen.push([loss, reports.weight ?? 0, reports.noise ?? 0]);
        },
      });
      optimizer.release();
      placementOf(model).release();
      return seen;
    }
    const first = await run((epoch) => 0.25 * epoch);
    expect(first.map(([, weight]) => weight)).toEqual([0, 0, 0.25, 0.25, 0.5, 0.5]);
    expect(new Set(first.map(([, , noise]) => noise)).size).toBe(6);
    expect(await run((epoch) => 0.25 * epoch)).toEqual(first);
    const calm = await run(() => 0);
    expect(calm.map(([, , noise]) => noise)).toEqual(first.map(([, , noise]) => noise));
    expect(calm[5]?.[0]).not.toBe(first[5]?.[0]);
  });

  it("lets a rule make the gradients: sharpness-aware minimisation at a perturbed place", async () => {
    const model = network(device(), [3, 8, 2], 1);
    const optimizer = new SGD(model, { lr: 0.1 });
    const rho = 0.05;
    /** w + rho g / ||g||, then back: the gradient is that of the perturbed place. */
    const rule: GradientRule = ({ evaluate, backward: back }) => {
      const flat = flatValues(model);
      const { gradients: slots } = placementOf(model);
      back(evaluate());
      const slope = new Tensor(device(), slots, flat.shape);
      const original = affine(flat, 1);
      const factor = affine(powScalar(sum(square(slope)), -0.5), rho);
      const moved = add(flat, mul(slope, factor));
      device().run("copy", { src: moved.slice, dst: flat.slice });
      back(evaluate());
      device().run("copy", { src: original.slice, dst: flat.slice });
    };
    const told: number[] = [];
    await fit(model, examples, optimizer, {
      ...options,
      epochs: 1,
      objective: (batch, context) => crossEntropy(context.forward(batch.x), batch.y),
      gradients: rule,
      onStep: ({ loss }) => {
        told.push(loss);
      },
    });
    const sharp = await stateDict(model);
    expect(told.length).toBe(3);

    const twin = network(device(), [3, 8, 2], 1);
    for (const order of orders(1)) {
      const scope = device().scope();
      const { x: xs, y: ys } = batchOf(device(), order);
      const flat = flatValues(twin).detach();
      const lossAt = (values: ReadonlyMap<string, Tensor>) =>
        withValues(twin, values, () => crossEntropy(twin.forward(xs), ys));
      const here = viewValues(twin, affine(flat, 1));
      const leaves = [...here.values()].map((v) => v.withGrad());
      const slopes = await Promise.all(gradients(lossAt(here), leaves).map((g) => g.read()));
      const norm = Math.sqrt(slopes.flatMap((g) => [...g]).reduce((n, g) => n + g * g, 0));
      const there = new Map(
        [...here.keys()].map((name, i) => {
          const leaf = leaves[i] as Tensor;
          return [
            name,
            add(
              leaf.detach(),
              affine(tensor(device(), slopes[i] as Float32Array, leaf.shape), rho / norm),
            ).withGrad(),
          ];
        }),
      );
      const perturbed = gradients(lossAt(there), [...there.values()]);
      for (const [i, leaf] of leaves.entries()) {
        const own = twin.parameters()[i]?.[1].own as Tensor;
        const next = sub(leaf.detach(), affine(perturbed[i] as Tensor, 0.1));
        device().run("copy", { src: next.slice, dst: own.slice });
      }
      await device().finish();
      scope[Symbol.dispose]();
    }
    for (const [name, value] of await stateDict(twin)) {
      const mine = sharp.get(name)?.data as Float32Array;
      value.data.forEach((v, i) => {
        expect(Math.abs(Number(v) - (mine[i] ?? 0))).toBeLessThan(2e-6);
      });
    }
    optimizer.release();
    for (const m of [model, twin]) placementOf(m).release();
  });

  it("calls the hooks in their order, and batches may be changed", async () => {
    const { model, placement } = tinyModel(device());
    const optimizer = new SGD(model, { lr: 0.05 });
    const calls: string[] = [];
    const labels = integers(3, 20, 3);
    let changed = 0;
    await fit(model, tinySet(20, 2), optimizer, {
      ...{ epochs: 1, batchSize: 10, seed: 1, schedule: constantRate(0.05) },
      objective: ({ images, labels: given }, context) => {
        context.report(
          "labels",
          mean(crossEntropy(context.forward(images), given, { reduction: "none" })),
        );
        return crossEntropy(context.forward(images), given);
      },
      onBatch: async (batch, at) => {
        await Promise.resolve();
        changed += batch.labels.filter((label, i) => label !== labels[i]).length;
        batch.labels.set(labels.subarray(0, batch.count));
        calls.push(`batch ${at.step}`);
      },
      onEnqueued: async ({ step }) => {
        calls.push(`enqueued ${step}`);
      },
      onEpoch: () => {
        calls.push("epoch");
      },
    });
    expect(changed).toBeGreaterThan(5);
    expect(calls).toEqual(["batch 0", "enqueued 0", "batch 1", "enqueued 1", "epoch"]);
    optimizer.release();
    placement.release();
  });

  it("creates nothing once it is steady, with two models and inputs of its own", async () => {
    const classifier = network(device(), [3, 8, 2], 1);
    const generator = network(device(), [3, 5, 3], 2);
    const main = new SGD(classifier, { lr: 0.1 });
    const second = new Adam(generator, { lr: 0.01 });
    const seen: DeviceCounters[] = [];
    await fit(classifier, examples, main, {
      ...{ ...options, epochs: 30, dropLast: true },
      objective: (batch, context) => {
        const noise = normal(device(), [8, 3], context.random("noise"));
        return standing(classifier, generator)({ ...batch, x: add(batch.x, noise) }, context);
      },
      updates: [
        { model: generator, optimizer: second, objective: adversary(classifier, generator) },
      ],
      onStep: () => {
        seen.push({ ...device().counters });
      },
    });
    const [early, late] = [seen[9], seen.at(-1)] as [DeviceCounters, DeviceCounters];
    expect(seen.length).toBe(60);
    for (const name of ["buffersCreated", "bindGroupsCreated", "pipelinesCreated"] as const) {
      expect(late[name] - early[name]).toBe(0);
    }
    expect(late.bytesReserved).toBe(early.bytesReserved);
    for (const o of [main, second]) o.release();
    for (const m of [classifier, generator]) placementOf(m).release();
  });

  it("refuses what would not be what it seems", async () => {
    const model = network(device(), [3, 8, 2], 1);
    const optimizer = new SGD(model, { lr: 0.1 });
    const run = (objective: Objective<Batch>) =>
      fit(model, examples, optimizer, { ...options, objective });
    const loss = (batch: Batch, forward: (x: Tensor) => Tensor) =>
      crossEntropy(forward(batch.x), batch.y);
    await expect(
      run((batch, { forward, report }) => {
        report("x", batch.x);
        return loss(batch, forward);
      }),
    ).rejects.toThrow(/"x" must be an f32 scalar, not \[8, 3\]/);
    await expect(
      run((batch, { forward, input }) => {
        input("w", [2], () => [1, 2]);
        input("w", [3], () => [1, 2, 3]);
        return loss(batch, forward);
      }),
    ).rejects.toThrow(/"w" is \[2\] f32 in this step already, not \[3\] f32/);
    await expect(
      run((batch, { forward, input }) =>
        mul(
          loss(batch, forward),
          input("w", [], () => [1, 2]),
        ),
      ),
    ).rejects.toThrow(/has 1 elements, 2 given/);
    await expect(fit(model, examples, optimizer, options as never)).rejects.toThrow(
      /tensors need an objective/,
    );
    expect(() => tensorSet({ x: { values: x, shape: [4] } })).toThrow(/x has 66 values/);
    expect(() =>
      tensorSet({ x: { values: x, shape: [3] }, y: { values: y.subarray(1), shape: [] } }),
    ).toThrow(/x has 22 examples, y 21/);
    optimizer.release();
    placementOf(model).release();
  });
});
