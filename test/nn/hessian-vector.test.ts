import { expect, it } from "vitest";
import type { Device } from "../../src/device/device.js";
import { hessianVector } from "../../src/nn/hessian-vector.js";
import { BatchNorm2d, Linear } from "../../src/nn/layers.js";
import { Module } from "../../src/nn/module.js";
import { place } from "../../src/nn/place.js";
import { stateDict } from "../../src/nn/state-dict.js";
import { flatValues, viewValues } from "../../src/nn/values.js";
import { crossEntropy } from "../../src/ops/cross-entropy.js";
import { tanh } from "../../src/ops/elementwise.js";
import { tensor } from "../../src/tensor/create.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { describeOnDevices } from "../support/devices.js";
import { uniform } from "../support/random.js";

const [inputs, hidden, classes, rows] = [3, 5, 4, 7];

class Net extends Module {
  readonly first = new Linear(inputs, hidden);
  readonly norm = new BatchNorm2d(hidden);
  readonly head = new Linear(hidden, classes);
  readonly unused = new Linear(2, 3);

  constructor(readonly normed: boolean) {
    super();
  }

  forward(x: Tensor): Tensor {
    const y = this.first.forward(x);
    return this.head.forward(tanh(this.normed ? this.norm.forward(y) : y));
  }
}

function setUp(device: Device, normed = false) {
  const net = new Net(normed);
  const placement = place(net, device, { seed: 3 });
  const x = tensor(device, uniform(4, rows * inputs, -2, 2), [rows, inputs]).keep();
  const y = tensor(
    device,
    Uint32Array.from({ length: rows }, (_, i) => (i * 3) % classes),
    [rows],
    "u32",
  ).keep();
  const v = tensor(device, uniform(5, placement.values.length)).keep();
  const loss = (): Tensor => crossEntropy(net.forward(x), y);
  const release = (): void => {
    for (const t of [x, y, v]) t.release();
    placement.release();
  };
  return { net, x, v, loss, release };
}

/** The loss in float64, from parameters [outputs, inputs] as PyTorch has them. */
function lossAt(p: Readonly<Record<string, Float64Array>>, x: ArrayLike<number>): number {
  let total = 0;
  for (let r = 0; r < rows; r++) {
    const h = Array.from({ length: hidden }, (_, j) => {
      let s = p["first.bias"]?.[j] ?? 0;
      for (let k = 0; k < inputs; k++) {
        s += (p["first.weight"]?.[j * inputs + k] ?? 0) * (x[r * inputs + k] ?? 0);
      }
      return Math.tanh(s);
    });
    const logits = Array.from({ length: classes }, (_, c) =>
      h.reduce(
        (s, a, j) => s + a * (p["head.weight"]?.[c * hidden + j] ?? 0),
        p["head.bias"]?.[c] ?? 0,
      ),
    );
    const top = Math.max(...logits);
    const log = top + Math.log(logits.reduce((s, l) => s + Math.exp(l - top), 0));
    total += log - (logits[(r * 3) % classes] ?? 0);
  }
  return total / rows;
}

describeOnDevices("hessianVector", (device) => {
  it("is the second difference of the loss, in float64, and leaves the model alone", async () => {
    const { net, x, v, loss, release } = setUp(device());
    const before = await stateDict(net);
    using _ = device().scope();
    const product = hessianVector(net, loss, v);
    const names = ["first.weight", "first.bias", "head.weight", "head.bias"];
    const toHost = async (views: ReadonlyMap<string, Tensor>) =>
      Object.fromEntries(
        await Promise.all(
          names.map(async (n) => [n, Float64Array.from((await views.get(n)?.read()) ?? [])]),
        ),
      ) as Record<string, Float64Array>;
    const [w, along, found] = [
      await toHost(viewValues(net, flatValues(net))),
      await toHost(viewValues(net, v)),
      await toHost(viewValues(net, product)),
    ];
    const xs = await x.read();
    // u' H v = d^2 loss / du dv, u a single weight: by a four-point difference in float64.
    const h = 1e-4;
    const at = (u: string, i: number, a: number, b: number): number => {
      const moved = Object.fromEntries(
        names.map((n) => [
          n,
          (w[n] as Float64Array).map((value, k) => value + b * (along[n]?.[k] ?? 0)),
        ]),
      ) as Record<string, Float64Array>;
      const part = moved[u] as Float64Array;
      part[i] = (part[i] ?? 0) + a;
      return lossAt(moved, xs);
    };
    const all = names.flatMap((n) => [...(found[n] ?? [])]);
    const rms = Math.sqrt(all.reduce((s, value) => s + value * value, 0) / all.length);
    for (const name of names) {
      for (const [i, value] of (found[name] as Float64Array).entries()) {
        const exact =
          (at(name, i, h, h) - at(name, i, h, -h) - at(name, i, -h, h) + at(name, i, -h, -h)) /
          (4 * h * h);
        expect(Math.abs(value - exact) / rms).toBeLessThan(2e-3);
      }
    }
    // What the loss does not reach has no curvature, nor has the padding between the parameters.
    const unused = viewValues(net, product).get("unused.weight");
    expect([...((await unused?.read()) ?? [1])]).toEqual(new Array(6).fill(0));
    expect(await stateDict(net)).toEqual(before);
    expect(net.head.weight.own.grad).toBeUndefined();
    release();
  });

  it("is symmetric through batch norm in training, recorded, and zero for zero", async () => {
    const { net, v, loss, release } = setUp(device(), true);
    const before = await stateDict(net);
    using scope = device().scope();
    const u = tensor(device(), uniform(6, v.size));
    const out = [u, v].map((along) => tensor(device(), new Float32Array(along.size)));
    const recording = device().capture(() => {
      using _ = device().scope();
      for (const [i, along] of [u, v].entries()) {
        const product = hessianVector(net, loss, along);
        device().run("copy", { src: product.slice, dst: (out[i] as Tensor).slice });
      }
    });
    recording.replay();
    const [hu = [], hv = []] = await Promise.all(out.map((t) => t.read()));
    const [us, vs] = [await u.read(), await v.read()];
    const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
      let s = 0;
      for (let i = 0; i < a.length; i++) s += (a[i] ?? 0) * (b[i] ?? 0);
      return s;
    };
    expect(Math.abs(dot(vs, hu))).toBeGreaterThan(0.05);
    expect(dot(vs, hu) / dot(us, hv)).toBeCloseTo(1, 2);
    const none = hessianVector(net, loss, tensor(device(), new Float32Array(v.size)));
    expect(Math.max(...(await none.read()).map(Math.abs))).toBe(0);
    expect(await stateDict(net)).toEqual(before);
    recording.release();
    scope[Symbol.dispose]();
    release();
  });

  it("refuses vectors of another layout and steps that are none", () => {
    const { net, v, loss, release } = setUp(device());
    using _ = device().scope();
    const short = tensor(device(), [1, 2, 3]);
    expect(() => hessianVector(net, loss, short)).toThrow(/vector must be \[\d+\] f32.* not \[3\]/);
    expect(() => hessianVector(net, loss, v, { step: 0 })).toThrow(/step must be above 0, not 0/);
    release();
  });
});
