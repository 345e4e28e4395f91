import { expect, it } from "vitest";
import { backward, noGrad } from "../../src/autograd/tape.js";
import type { StateDict } from "../../src/io/state-dict.js";
import { resnet18 } from "../../src/models/resnet.js";
import { place } from "../../src/nn/place.js";
import { loadStateDict, stateDict } from "../../src/nn/state-dict.js";
import { crossEntropy } from "../../src/ops/cross-entropy.js";
import { SGD } from "../../src/optim/sgd.js";
import { tensor } from "../../src/tensor/create.js";
import { describeOnDevices } from "../support/devices.js";
import { trainingFixture } from "../support/training-fixture.js";

const fixture = trainingFixture();

/** Of the loss in the first two steps, before rounding has put a value across a ReLU's kink. */
const earlyTolerance = 2e-6;

/**
 * How far a float32 run may stray at a later step. Training is chaotic: once one ReLU has flipped,
 * runs part. How far shows in PyTorch's own losses when its weights are moved by a part in 1e7; the
 * flip may come a step or two earlier or later, so the spread is read two steps ahead, and doubled.
 */
function tolerance(step: number): number {
  if (step < 2) return earlyTolerance;
  const spread = fixture.losses32Nudged.flatMap((run) =>
    run.slice(0, step + 3).map((loss, t) => Math.abs(loss - (fixture.losses64[t] ?? 0))),
  );
  return 2 * Math.max(...spread);
}

describeOnDevices("20 steps of a narrow ResNet-18", (device) => {
  it("follows PyTorch's losses from equal weights and equal batches", async () => {
    const { width, classes, batchSize, steps, lr, momentum, weightDecay } = fixture;
    const model = resnet18({ width, classes });
    const placement = place(model, device(), { seed: 0 });
    const initial: StateDict = new Map();
    for (const [name, { shape, data }] of fixture.initialState) {
      initial.set(name, { dtype: "F32", shape, data });
    }
    loadStateDict(model, initial);
    const optimizer = new SGD(model, { lr, momentum, weightDecay });
    const losses: number[] = [];
    for (let step = 0; step < steps; step++) {
      const scope = device().scope();
      const { images, labels } = fixture.batch(step);
      const x = tensor(device(), images, [batchSize, 32, 32, 4]);
      const target = tensor(device(), labels, [batchSize], "u32");
      const loss = crossEntropy(model.forward(x), target).keep();
      backward(loss, { release: true });
      optimizer.step();
      const value = loss.item();
      loss.release();
      scope[Symbol.dispose]();
      losses.push(await value);
    }
    const apart = losses.map((loss, t) => Math.abs(loss - (fixture.losses64[t] ?? 0)));
    const allowed = apart.map((_, t) => tolerance(t));
    apart.forEach((difference, t) => {
      expect(difference, `step ${t}: ${apart.join(" ")}`).toBeLessThan(allowed[t] ?? 0);
    });

    // By the same yardstick: how far the norms of PyTorch's nudged runs end apart.
    const normSpread = Math.max(
      ...fixture.finalNorms32Nudged.flatMap((run) =>
        Object.entries(run).map(([name, n]) => Math.abs(n / (fixture.finalNorms64[name] ?? 0) - 1)),
      ),
    );
    const norm = (values: ArrayLike<number>): number => Math.hypot(...Array.from(values));
    const after = await stateDict(model);
    for (const [name, expected] of Object.entries(fixture.finalNorms64)) {
      const found = norm(after.get(name)?.data as Float32Array);
      expect(Math.abs(found / expected - 1), name).toBeLessThan(2 * normSpread);
    }
    using _ = device().scope();
    const { images } = fixture.batch(steps);
    const x = tensor(device(), images, [batchSize, 32, 32, 4]);
    const logits = await noGrad(() => model.eval().forward(x)).read();
    expect(logits.length).toBe(fixture.evalLogits64.flat().length);
    optimizer.release();
    placement.release();
  });
});
