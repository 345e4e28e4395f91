import { expect, it } from "vitest";
import { backward } from "../../src/autograd/tape.js";
import { Linear } from "../../src/nn/layers.js";
import { Sequential } from "../../src/nn/module.js";
import { place } from "../../src/nn/place.js";
import { square } from "../../src/ops/elementwise.js";
import { sum } from "../../src/ops/reduce.js";
import { Adam } from "../../src/optim/adam.js";
import type { Optimizer } from "../../src/optim/optimizer.js";
import { SGD } from "../../src/optim/sgd.js";
import { TrainedParameters } from "../../src/optim/trained.js";
import { tensor } from "../../src/tensor/create.js";
import { describeOnDevices } from "../support/devices.js";
import { optimizers } from "../support/optimizers.js";
import { values } from "../support/values.js";

const network = () => new Sequential(new Linear(5, 7), new Linear(7, 3), new Linear(3, 2));

describeOnDevices("optimizers", (device) => {
  /** Three steps on sum((net(x))^2); the loss before each and the weights at the end. */
  async function steps(make: (net: Sequential) => Optimizer, between?: (o: Optimizer) => void) {
    const net = network();
    const placement = place(net, device(), { seed: 3 });
    const optimizer = make(net);
    const x = tensor(device(), values([4, 5], 1), [4, 5]);
    const losses: number[] = [];
    for (let t = 0; t < 3; t++) {
      const loss = sum(square(net.forward(x)));
      backward(loss);
      optimizer.step();
      between?.(optimizer);
      losses.push(await loss.item());
    }
    const weights = await Promise.all(net.parameters().map(([, p]) => p.value.read()));
    optimizer.release();
    placement.release();
    x.release();
    return { losses, weights };
  }

  it("covers the model in one stretch, and only what is trainable", () => {
    const net = network();
    const placement = place(net, device(), { seed: 3 });
    const rangesOf = () => new TrainedParameters(net, "SGD").ranges;
    expect(rangesOf().length).toBe(1);
    const [first, bias, middle, next] = net.parameters().map(([, p]) => p);
    if (!first || !bias || !middle || !next) throw new Error("no parameters");
    middle.trainable = false;
    const ranges = rangesOf();
    expect(ranges.map(({ params }) => params.offset)).toEqual([0, next.value.slice.offset]);
    expect(ranges[0]?.params.length).toBe(bias.value.slice.offset + bias.value.size);
    for (const [, p] of net.parameters()) p.trainable = false;
    expect(() => new SGD(net, { lr: 1 })).toThrow(/nothing trainable/);
    expect(() => new Adam(net)).toThrow(/nothing trainable/);
    placement.release();
  });

  it.each(optimizers)("takes a changed rate at the next step: $name", async ({ make }) => {
    const frozen = await steps(make, (o) => {
      o.set({ lr: 0 });
      expect(o.lr).toBe(0);
    });
    const moving = await steps(make);
    expect(frozen.losses[1]).toBe(moving.losses[1]);
    expect(frozen.losses[2]).toBe(frozen.losses[1]);
    expect(moving.losses[2]).toBeLessThan(moving.losses[1] ?? 0);
  });

  it.each(optimizers)("resumes as if it had not stopped: $name", async ({ make }) => {
    const net = network();
    const placement = place(net, device(), { seed: 3 });
    const x = tensor(device(), values([4, 5], 1), [4, 5]);
    let optimizer = make(net);
    const step = (): void => {
      backward(sum(square(net.forward(x))));
      optimizer.step();
    };
    step();
    const saved = await optimizer.save();
    optimizer.release();
    optimizer = make(net);
    expect(() => optimizer.load(new Float32Array(3))).toThrow(
      /^(SGD|Adam): the saved state has 3 values, \d+ expected; load what the same optimizer saved/,
    );
    optimizer.load(saved);
    expect(await optimizer.save()).toEqual(saved);
    step();
    step();
    const whole = await steps(make);
    const weights = await Promise.all(net.parameters().map(([, p]) => p.value.read()));
    expect(weights).toEqual(whole.weights);
    optimizer.release();
    placement.release();
    x.release();
  });

  it.each(optimizers)("replays as if it were called: $name", async ({ make }) => {
    const called = await steps(make);
    const net = network();
    const placement = place(net, device(), { seed: 3 });
    const x = tensor(device(), values([4, 5], 1), [4, 5]);
    const optimizer = make(net);
    const recording = device().capture(() => {
      backward(sum(square(net.forward(x))));
      optimizer.step();
    });
    for (let t = 0; t < 3; t++) recording.replay();
    const weights = await Promise.all(net.parameters().map(([, p]) => p.value.read()));
    expect(weights).toEqual(called.weights);
    for (const made of [recording, optimizer, placement, x]) made.release();
  });

  it("refuses Nesterov without momentum", () => {
    const net = network();
    const placement = place(net, device(), { seed: 3 });
    expect(() => new SGD(net, { lr: 0.1, nesterov: true })).toThrow(/momentum above 0/);
    placement.release();
  });
});
