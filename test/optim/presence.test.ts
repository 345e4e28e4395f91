import { describe, expect, it } from "vitest";
import { backward } from "../../src/autograd/tape.js";
import type { Device } from "../../src/device/device.js";
import { GradientError, ModuleError, ReleasedError } from "../../src/device/errors.js";
import { openDevice } from "../../src/device/open.js";
import { Linear } from "../../src/nn/layers.js";
import { Module } from "../../src/nn/module.js";
import { place } from "../../src/nn/place.js";
import { add, square } from "../../src/ops/elementwise.js";
import { sum } from "../../src/ops/reduce.js";
import { Adam } from "../../src/optim/adam.js";
import { LossScaler } from "../../src/optim/loss-scaler.js";
import type { Optimizer } from "../../src/optim/optimizer.js";
import { SGD } from "../../src/optim/sgd.js";
import { tensor } from "../../src/tensor/create.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { callsIn } from "../support/calls.js";
import { describeOnDevices, useDevice } from "../support/devices.js";
import { type MakeOptimizer, optimizers } from "../support/optimizers.js";
import { values } from "../support/values.js";

/** One body, three heads; a loss uses some of the heads. */
class Heads extends Module {
  readonly body = new Linear(5, 7);
  readonly a = new Linear(7, 3);
  readonly b = new Linear(7, 2);
  readonly c = new Linear(7, 1);

  forward(x: Tensor): Tensor {
    return this.a.forward(this.body.forward(x));
  }
}

type Head = "a" | "b" | "c";

function setUp(device: Device, make: MakeOptimizer) {
  const net = new Heads();
  const placement = place(net, device, { seed: 3 });
  const x = tensor(device, values([4, 5], 1), [4, 5]).keep();
  const optimizer = make(net);
  return {
    net,
    optimizer,
    loss: (...heads: Head[]): Tensor => {
      const features = net.body.forward(x);
      const losses = heads.map((head) => sum(square(net[head].forward(features))));
      return losses.slice(1).reduce((all, one) => add(all, one), losses[0] as Tensor);
    },
    step(...heads: Head[]) {
      using _ = device.scope();
      backward(this.loss(...heads));
      optimizer.step();
    },
    weights: async () => {
      const read = net.parameters().map(async ([name, p]) => [name, await p.value.read()] as const);
      return Object.fromEntries(await Promise.all(read));
    },
    release: () => {
      for (const made of [optimizer, placement, x]) made.release();
    },
  };
}

describeOnDevices("a step", (device) => {
  it.each(optimizers)("leaves alone what the loss did not reach: $name", async ({ make }) => {
    const made = setUp(device(), make);
    made.step("a");
    const before = await made.weights();
    made.step("b");
    const after = await made.weights();
    for (const name of Object.keys(before)) {
      const moves = name.startsWith("b.") || name.startsWith("body.");
      expect([name, after[name]?.some((w, i) => w !== before[name]?.[i])]).toEqual([name, moves]);
    }
    made.release();
  });

  it.each(optimizers)(
    "moves each parameter by its own history, as if the others were not there: $name",
    async ({ make }) => {
      // The body frozen, a head's path depends on the steps it took part in alone.
      const frozen: MakeOptimizer = (net) => {
        for (const [name, p] of net.parameters()) p.trainable = !name.startsWith("body.");
        return make(net);
      };
      const mixed = setUp(device(), frozen);
      const heads: Head[][] = [["a", "b"], ["b"], ["a"], ["b", "a"], ["b"], ["c", "a"]];
      for (const used of heads) mixed.step(...used);
      const found = await mixed.weights();
      for (const head of ["a", "b", "c"] as const) {
        const alone = setUp(device(), frozen);
        for (const used of heads) if (used.includes(head)) alone.step(head);
        const wanted = await alone.weights();
        for (const part of ["weight", "bias"]) {
          expect(found[`${head}.${part}`]).toEqual(wanted[`${head}.${part}`]);
        }
        alone.release();
      }
      mixed.release();
    },
  );

  it.each(optimizers)("resumes such histories: $name", async ({ make }) => {
    const [whole, halved] = [setUp(device(), make), setUp(device(), make)];
    for (const made of [whole, halved]) {
      made.step("a", "b");
      made.step("b");
      made.step("c");
    }
    const saved = await halved.optimizer.save();
    halved.optimizer.release();
    const resumed = make(halved.net);
    resumed.load(saved);
    expect(await resumed.save()).toEqual(saved);
    for (const heads of [["a"], ["a", "b", "c"]] as Head[][]) {
      whole.step(...heads);
      using _ = device().scope();
      backward(halved.loss(...heads));
      resumed.step();
    }
    expect(await halved.weights()).toEqual(await whole.weights());
    whole.release();
    resumed.release();
  });

  it.each(optimizers)("takes part in recordings: $name", async ({ make }) => {
    const [called, recorded] = [setUp(device(), make), setUp(device(), make)];
    const record = (...heads: Head[]) => device().capture(() => recorded.step(...heads));
    const one = record("b");
    for (let i = 0; i < 2; i++) one.replay();
    const two = record("a", "b");
    two.replay();
    for (const heads of [["b"], ["b"], ["a", "b"]] as Head[][]) called.step(...heads);
    expect(await recorded.weights()).toEqual(await called.weights());
    expect(await recorded.optimizer.save()).toEqual(await called.optimizer.save());
    expect(() => recorded.optimizer.step()).toThrow(GradientError);
    for (const made of [one, two, called, recorded]) made.release();
  });

  it("of Adam twice in a recording needs a second one where the parameters part", async () => {
    const make: MakeOptimizer = (net) => new Adam(net, { lr: 0.125 });
    const [called, recorded] = [setUp(device(), make), setUp(device(), make)];
    const early = device().capture(() => recorded.step("a", "b", "c"));
    const both = () => {
      recorded.step("a", "b", "c");
      recorded.step("b");
      recorded.step("a");
    };
    const first = device().capture(both);
    for (const useless of [early, first]) {
      expect(() => useless.replay()).toThrow(GradientError);
      expect(() => useless.replay()).toThrow(/capture it again, it is known now/);
    }
    const recording = device().capture(both);
    for (let i = 0; i < 2; i++) {
      recording.replay();
      for (const heads of [["a", "b", "c"], ["b"], ["a"]] as Head[][]) called.step(...heads);
    }
    expect(await recorded.weights()).toEqual(await called.weights());
    for (const made of [early, first, recording, called, recorded]) made.release();
  });

  it("counts, in a recording that is the first, the steps of what is left out from its replay on", async () => {
    const make: MakeOptimizer = (net) => new Adam(net, { lr: 0.125 });
    const [called, recorded] = [setUp(device(), make), setUp(device(), make)];
    const recording = device().capture(() => recorded.step("a"));
    recorded.step("a", "b", "c"); // before its replay: the counts part here already
    for (const heads of [["a", "b", "c"], ["a"]] as Head[][]) called.step(...heads);
    recording.replay();
    recorded.step("b", "c");
    called.step("b", "c");
    expect(await recorded.weights()).toEqual(await called.weights());
    for (const made of [recording, called, recorded]) made.release();
  });
});

describe("an optimizer", () => {
  const device = useDevice(() => openDevice({ kind: "cpu" }));
  const kernels = (body: () => void): string[] =>
    callsIn(device(), body).map(({ kernel }) => kernel);

  it.each(optimizers)("is one kernel where all have gradients: $name", ({ name, make }) => {
    const made = setUp(device(), make);
    using _ = device().scope();
    backward(made.loss("a", "b", "c"));
    const kernel = name === "SGD" ? ["sgd"] : ["adamCount", "adam"];
    expect(kernels(() => made.optimizer.step())).toEqual(kernel);
    backward(made.loss("a", "c"));
    // Body and head a lie side by side, head c apart; head b gets a step count of its own.
    const two = name === "SGD" ? ["sgd", "sgd"] : ["copy", "adamCount", "adam", "adam"];
    expect(kernels(() => made.optimizer.step())).toEqual(two);
    made.release();
  });

  it.each(optimizers)("takes gradients once: $name", ({ make }) => {
    const made = setUp(device(), make);
    using _ = device().scope();
    expect(() => made.optimizer.step()).toThrow(GradientError);
    expect(() => made.optimizer.step()).toThrow(
      /step: none of the parameters has a gradient: call/,
    );
    backward(made.loss("a"));
    const { grad } = made.net.a.weight.value;
    made.optimizer.step();
    expect(made.net.a.weight.value.grad).toBe(grad); // to be read, not to be stepped with
    expect(() => made.optimizer.step()).toThrow(GradientError);
    expect(() => made.optimizer.step()).toThrow(/a step took the gradients already; call backward/);
    made.release();
  });

  it("begins anew when a backward accumulates after a step", async () => {
    const [one, two] = [0, 1].map(() => setUp(device(), (net) => new SGD(net, { lr: 0.1 })));
    if (!one || !two) throw new Error("no set-up");
    for (const heads of [["a"], ["b"]] as Head[][]) {
      one.step(...heads);
      using _ = device().scope();
      backward(two.loss(...heads), { accumulate: true });
      two.optimizer.step();
    }
    expect(await two.weights()).toEqual(await one.weights());
    for (const made of [one, two]) made.release();
  });

  it("drops what a later backward did not reach, on whatever model", () => {
    const [one, two] = [0, 1].map(() => setUp(device(), (net) => new SGD(net, { lr: 0.1 })));
    if (!one || !two) throw new Error("no set-up");
    using _ = device().scope();
    backward(one.loss("a"));
    backward(two.loss("a"));
    expect(() => one.optimizer.step()).toThrow(/drops the gradients before it/);
    two.optimizer.step();
    backward(one.loss("a"));
    backward(two.loss("a"), { accumulate: true });
    one.optimizer.step();
    two.optimizer.step();
    for (const made of [one, two]) made.release();
  });

  it("refuses a replayed step on other gradients than were recorded", () => {
    const made = setUp(device(), (net) => new SGD(net, { lr: 0.1 }));
    using _ = device().scope();
    backward(made.loss("a"));
    const recording = device().capture(() => made.optimizer.step());
    recording.replay();
    expect(() => recording.replay()).toThrow(/needs the gradient of body.weight, which has none/);
    backward(made.loss("a", "c"));
    expect(() => recording.replay()).toThrow(/leaves out the gradient of c.weight, which has one/);
    backward(made.loss("a"));
    recording.replay();
    // A capture by itself computes nothing: there is no gradient to step with.
    device()
      .capture(() => backward(made.loss("a")))
      .release();
    expect(() => made.optimizer.step()).toThrow(GradientError);
    for (const thing of [recording, made]) thing.release();
  });

  it("refuses a replayed backward that would add to what is not there", () => {
    const made = setUp(device(), (net) => new SGD(net, { lr: 0.1 }));
    using _ = device().scope();
    backward(made.loss("a"));
    const adding = device().capture(() => backward(made.loss("a"), { accumulate: true }));
    adding.replay();
    made.optimizer.step();
    expect(() => adding.replay()).toThrow(/adds to the gradient of .* which has none now/);
    const replacing = device().capture(() => backward(made.loss("a"), { accumulate: true }));
    replacing.replay();
    expect(() => replacing.replay()).toThrow(/replaces the gradient of .* which has one now/);
    for (const thing of [adding, replacing, made]) thing.release();
  });

  it("goes on by itself after a recorded backward, replay by replay", async () => {
    const [called, recorded] = [0, 1].map(() =>
      setUp(device(), (net) => new SGD(net, { lr: 0.1, momentum: 0.9 })),
    );
    if (!called || !recorded) throw new Error("no set-up");
    const recording = device().capture(() => {
      using _ = device().scope();
      backward(recorded.loss("a"), { release: true });
    });
    for (let i = 0; i < 3; i++) {
      recording.replay();
      recorded.optimizer.step();
      called.step("a");
    }
    expect(await recorded.weights()).toEqual(await called.weights());
    for (const made of [recording, called, recorded]) made.release();
  });

  it.each(optimizers)("releases once, and steps no more: $name", ({ make }) => {
    const made = setUp(device(), make);
    using _ = device().scope();
    backward(made.loss("a", "b", "c"));
    made.optimizer.release();
    const next = Array.from({ length: 9 }, () => tensor(device(), values([7, 5], 2)));
    expect(() => made.optimizer.release()).toThrow(ReleasedError);
    expect(() => made.optimizer.step()).toThrow(ReleasedError);
    expect(() => made.optimizer.set({ lr: 9 })).toThrow(ReleasedError);
    expect(next.every((x) => x.live)).toBe(true);
    const scaler = new LossScaler(device());
    scaler.release();
    expect(() => scaler.release()).toThrow(ReleasedError);
  });

  it.each(optimizers)("belongs to the placement it was made for: $name", ({ make }) => {
    const net = new Linear(3, 2);
    const first = place(net, device(), { seed: 1 });
    const optimizer: Optimizer = make(net);
    first.release();
    const second = place(net, device(), { seed: 1 });
    using _ = device().scope();
    backward(sum(square(net.forward(tensor(device(), values([4, 3], 1), [4, 3])))));
    expect(() => optimizer.step()).toThrow(ModuleError);
    expect(() => optimizer.step()).toThrow(/placed anew since; make a new optimizer/);
    optimizer.release();
    second.release();
  });

  it("takes only whole step counts from a saved state", async () => {
    const made = setUp(device(), (net) => new Adam(net));
    made.step("a");
    const saved = await made.optimizer.save();
    const plain = setUp(device(), (net) => new Adam(net));
    const { length } = await plain.optimizer.save();
    expect(saved.length).toBeGreaterThan(length);
    saved[saved.length - 1] = 7;
    expect(() => plain.optimizer.load(saved)).toThrow(/number 7 of 2/);
    expect(() => plain.optimizer.load(saved.subarray(0, length + 2))).toThrow(RangeError);
    for (const thing of [made, plain]) thing.release();
  });
});
