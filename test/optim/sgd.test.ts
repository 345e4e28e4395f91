import { expect, it } from "vitest";
import { backward } from "../../src/autograd/tape.js";
import { Linear } from "../../src/nn/layers.js";
import { Sequential } from "../../src/nn/module.js";
import { place } from "../../src/nn/place.js";
import { square } from "../../src/ops/elementwise.js";
import { sum } from "../../src/ops/reduce.js";
import { Adam } from "../../src/optim/adam.js";
import { trainableRanges } from "../../src/optim/optimizer.js";
import { SGD } from "../../src/optim/sgd.js";
import { tensor } from "../../src/tensor/create.js";
import { describeOnDevices } from "../support/devices.js";
import { values } from "../support/values.js";

const network = () => new Sequential(new Linear(5, 7), new Linear(7, 3), new Linear(3, 2));

describeOnDevices("optimizers", (device) => {
  /** Three steps on sum((net(x))^2); the loss before each and the weights at the end. */
  async function steps(make: (net: Sequential) => SGD | Adam, between?: (o: SGD | Adam) => void) {
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
    expect(trainableRanges(net).length).toBe(1);
    const [first, bias, middle, next] = net.parameters().map(([, p]) => p);
    if (!first || !bias || !middle || !next) throw new Error("no parameters");
    middle.trainable = false;
    const ranges = trainableRanges(net);
    expect(ranges.map(({ params }) => params.offset)).toEqual([0, next.value.slice.offset]);
    expect(ranges[0]?.params.length).toBe(bias.value.slice.offset + bias.value.size);
    for (const [, p] of net.parameters()) p.trainable = false;
    expect(() => new SGD(net, { lr: 1 })).toThrow(/nothing trainable/);
    placement.release();
  });

  it("takes a changed rate at the next step", async () => {
    const frozen = await steps(
      (net) => new SGD(net, { lr: 0.01 }),
      (o) => o.set({ lr: 0 }),
    );
    const moving = await steps((net) => new SGD(net, { lr: 0.01 }));
    expect(frozen.losses[1]).toBe(moving.losses[1]);
    expect(frozen.losses[2]).toBe(frozen.losses[1]);
    expect(moving.losses[2]).toBeLessThan(moving.losses[1] ?? 0);
  });

  it("resumes from saved momentum as if it had not stopped", async () => {
    const net = network();
    const placement = place(net, device(), { seed: 3 });
    const x = tensor(device(), values([4, 5], 1), [4, 5]);
    let optimizer = new SGD(net, { lr: 0.003, momentum: 0.9, nesterov: true });
    const step = (): void => {
      backward(sum(square(net.forward(x))));
      optimizer.step();
    };
    step();
    const saved = await optimizer.save();
    optimizer.release();
    optimizer = new SGD(net, { lr: 0.003, momentum: 0.9, nesterov: true });
    expect(() => optimizer.load(new Float32Array(3))).toThrow(/3 values, \d+ expected/);
    optimizer.load(saved);
    step();
    const whole = await steps((n) => new SGD(n, { lr: 0.003, momentum: 0.9, nesterov: true }));
    backward(sum(square(net.forward(x))));
    optimizer.step();
    const weights = await Promise.all(net.parameters().map(([, p]) => p.value.read()));
    expect(weights).toEqual(whole.weights);
    optimizer.release();
    placement.release();
    x.release();
  });

  it("lowers the loss with Adam, coupled and decoupled decay apart", async () => {
    const plain = await steps((net) => new Adam(net, { lr: 0.01, weightDecay: 0.5 }));
    const decoupled = await steps(
      (net) => new Adam(net, { lr: 0.01, weightDecay: 0.5, decoupled: true }),
    );
    expect(plain.losses[2]).toBeLessThan(plain.losses[0] ?? 0);
    expect(decoupled.weights).not.toEqual(plain.weights);
  });

  it("refuses Nesterov without momentum", () => {
    const net = network();
    const placement = place(net, device(), { seed: 3 });
    expect(() => new SGD(net, { lr: 0.1, nesterov: true })).toThrow(/momentum above 0/);
    placement.release();
  });
});
