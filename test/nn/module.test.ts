import { describe, expect, it } from "vitest";
import { backward } from "../../src/autograd/tape.js";
import { LimitError, ModuleError, ReleasedError } from "../../src/device/errors.js";
import { openDevice } from "../../src/device/open.js";
import { constant } from "../../src/nn/init.js";
import { BatchNorm2d, Linear } from "../../src/nn/layers.js";
import { Module, Sequential } from "../../src/nn/module.js";
import { Parameter, Statistic } from "../../src/nn/parameter.js";
import { place, placementOf } from "../../src/nn/place.js";
import { loadStateDict, stateDict } from "../../src/nn/state-dict.js";
import { square } from "../../src/ops/elementwise.js";
import { sum } from "../../src/ops/reduce.js";
import { SGD } from "../../src/optim/sgd.js";
import { tensor } from "../../src/tensor/create.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { useDevice } from "../support/devices.js";
import { floats } from "../support/floats.js";
import { values } from "../support/values.js";

/** Parts in every kind of container that is searched. */
class Holder extends Module {
  readonly layers = [new Linear(3, 3), new Sequential(new Linear(3, 3), new BatchNorm2d(3))];
  readonly scale = [new Parameter([1], constant(2)), new Parameter([3], constant(0.5))];
  readonly heads = new Map<string | number, Module>([
    ["left", new Linear(3, 2)],
    [7, new Linear(3, 1)],
  ]);
  readonly extra = { norm: { own: new BatchNorm2d(2) }, size: 3 };
  readonly several = new Set([new Linear(1, 1)]);
  readonly seen = new Statistic([2], constant(1));
  readonly images = new Uint8Array(5);

  forward(x: Tensor): Tensor {
    return this.layers.reduce((y, layer) => layer.forward(y), x);
  }
}

class Other extends Module {
  forward(x: Tensor): Tensor {
    return x;
  }
}

const names = (listed: readonly (readonly [string, unknown])[]): string[] =>
  listed.map(([name]) => name);

describe("a module", () => {
  const device = useDevice(() => openDevice({ kind: "cpu" }));

  it("finds its parts in arrays, maps, sets and plain objects, in order of definition", async () => {
    const net = new Holder();
    expect(names(net.modules())).toEqual([
      "",
      "layers.0",
      "layers.1",
      "layers.1.0",
      "layers.1.1",
      "heads.left",
      "heads.7",
      "extra.norm.own",
      "several.0",
    ]);
    expect(names(net.parameters())).toEqual([
      ...["scale.0", "scale.1", "layers.0.weight", "layers.0.bias"],
      ...["layers.1.0.weight", "layers.1.0.bias", "layers.1.1.weight", "layers.1.1.bias"],
      ...["heads.left.weight", "heads.left.bias", "heads.7.weight", "heads.7.bias"],
      ...["extra.norm.own.weight", "extra.norm.own.bias", "several.0.weight", "several.0.bias"],
    ]);
    expect(names(net.statistics()).at(0)).toBe("seen");
    expect(net.parameterCount).toBe(1 + 3 + 12 + 12 + 6 + 8 + 4 + 4 + 2);
    const placement = place(net, device(), { seed: 1 });
    const dict = await stateDict(net);
    expect([...dict.keys()].slice(0, 3)).toEqual(["scale.0", "scale.1", "seen"]);
    expect(dict.get("heads.7.weight")?.data).toEqual(
      await net.heads.get(7)?.own()[0]?.[1].value.read(),
    );
    net.eval();
    expect(net.modules().some(([, module]) => module.training)).toBe(false);
    placement.release();
  });

  it("refuses names that would be ambiguous", () => {
    const held = (parts: unknown) => Object.assign(new Other(), { parts }).parameters();
    const linear = new Linear(2, 2);
    expect(() => held(new Map([["a.b", linear]]))).toThrow(ModuleError);
    expect(() => held(new Map([["a.b", linear]]))).toThrow(/under the key "a\.b" \(parts > a\.b\)/);
    expect(() => held(new Map([[{}, linear]]))).toThrow(/keys must be numbers or words/);
    const twice = new Map<unknown, Module>([
      [1, linear],
      ["1", new Linear(2, 2)],
    ]);
    expect(() => held(twice)).toThrow(/two of its parts are named "parts\.1"/);
    expect(names(held(new Map([["a.b", 1]])))).toEqual([]);
  });

  it("ends where modules and containers hold one another", async () => {
    const [parent, child] = [new Other(), new Linear(3, 2)];
    const list: unknown[] = [child];
    list.push(list);
    Object.assign(parent, { list, child });
    Object.assign(child, { parent, next: { child } });
    expect(names(parent.modules())).toEqual(["", "list.0"]);
    expect(names(parent.parameters())).toEqual(["list.0.weight", "list.0.bias"]);
    const placement = place(parent, device(), { seed: 1 });
    expect([...(await stateDict(parent)).keys()]).toEqual([
      ...["list.0.weight", "list.0.bias", "child.weight", "child.bias"],
    ]);
    placement.release();
    const knot = Array.from({ length: 12 }, () => new Other());
    for (const [i, m] of knot.entries())
      Object.assign(m, { others: knot.filter((_, k) => k !== i) });
    expect(knot[0]?.modules().length).toBe(12);
    expect(() => knot[0]?.everyPath()).toThrow(/more than 100000 names; keep references/);
  });

  it("explains parts that place cannot see", () => {
    class Private extends Module {
      readonly #hidden = new Linear(2, 2);
      readonly shown = new Linear(2, 2);
      forward(x: Tensor): Tensor {
        return this.shown.forward(this.#hidden.forward(x));
      }
    }
    const net = new Private();
    const placement = place(net, device(), { seed: 1 });
    using _ = device().scope();
    const x = tensor(device(), [1, 2], [1, 2]);
    expect(() => net.forward(x)).toThrow(ModuleError);
    expect(() => net.forward(x)).toThrow(/has no memory.*private #fields, closures/);
    placement.release();
  });

  it("is not placed where an object of another class holds a part of it", () => {
    class Block {
      readonly conv = new Linear(2, 2);
    }
    const net = Object.assign(new Other(), { blocks: [new Block()] });
    const inUse = device().counters.bytesInUse;
    expect(() => place(net, device(), { seed: 1 })).toThrow(ModuleError);
    expect(() => place(net, device(), { seed: 1 })).toThrow(/blocks\.0\.conv is held by an object/);
    expect(device().counters.bytesInUse).toBe(inUse);
    // A part that is found elsewhere too may be known to anyone.
    Object.assign(net, { known: net.blocks[0]?.conv });
    place(net, device(), { seed: 1 }).release();
  });

  it("puts each module's mode back", () => {
    const net = new Holder();
    const norm = net.extra.norm.own;
    norm.eval();
    const restore = net.saveModes();
    net.eval();
    restore();
    expect(net.modules().flatMap(([name, m]) => (m.training ? [] : [name]))).toEqual([
      "extra.norm.own",
    ]);
  });
});

describe("tied parts", () => {
  const device = useDevice(() => openDevice({ kind: "cpu" }));

  /** a -> between -> b, with b's weight that of a. */
  class Tied extends Module {
    readonly a = new Linear(3, 3);
    readonly between = new Linear(3, 3);
    readonly b: Linear;

    constructor(tie: "module" | "weight") {
      super();
      this.b =
        tie === "module" ? this.a : Object.assign(new Linear(3, 3), { weight: this.a.weight });
    }

    forward(x: Tensor): Tensor {
      return this.b.forward(this.between.forward(this.a.forward(x)));
    }
  }

  it("are one part under its first name, counted once, with one memory", () => {
    const module = new Tied("module");
    expect(names(module.modules())).toEqual(["", "a", "between"]);
    expect(module.parameterCount).toBe(2 * (9 + 3));
    const weight = new Tied("weight");
    expect(names(weight.parameters())).toEqual([
      ...["a.weight", "a.bias", "between.weight", "between.bias", "b.bias"],
    ]);
    expect(weight.parameterCount).toBe(9 + 3 + 9 + 3 + 3);
    const placement = place(weight, device(), { seed: 1 });
    expect(weight.b.weight.value).toBe(weight.a.weight.value);
    placement.release();
  });

  it.each(["module", "weight"] as const)("train on the sum over their uses: %s", async (tie) => {
    const [net, loose] = [new Tied(tie), new Tied(tie)];
    // The same computation with two copies, whose gradients are added by hand.
    const b = new Linear(3, 3);
    Object.assign(loose, { b });
    const placements = [net, loose].map((m) => place(m, device(), { seed: 1 }));
    loadStateDict(loose, await stateDict(net));
    using _ = device().scope();
    const x = tensor(device(), values([4, 3], 1), [4, 3]);
    for (const m of [net, loose]) backward(sum(square(m.forward(x))), { accumulate: true });
    const [first, second, whole] = await Promise.all(
      [loose.a, b, net.a].map((layer) => floats(layer.weight.value.grad)),
    );
    for (const [i, g] of (whole ?? []).entries()) {
      expect(g).toBeCloseTo((first?.[i] ?? Number.NaN) + (second?.[i] ?? Number.NaN), 3);
    }
    const before = await stateDict(net);
    const optimizer = new SGD(net, { lr: 0.1 });
    optimizer.step();
    for (const [name, { data }] of await stateDict(net)) {
      expect([name, data]).not.toEqual([name, before.get(name)?.data]);
    }
    for (const made of [optimizer, ...placements]) made.release();
  });

  it("are in a state_dict under each name, and load from either", async () => {
    const net = new Tied("module");
    const placement = place(net, device(), { seed: 1 });
    const dict = await stateDict(net);
    expect([...dict.keys()]).toEqual([
      ...["a.weight", "a.bias", "between.weight", "between.bias", "b.weight", "b.bias"],
    ]);
    expect(dict.get("b.weight")).toEqual(dict.get("a.weight"));
    const other = Float32Array.from(values([3, 3], 8));
    const { shape } = net.a.weight;
    const changed = { dtype: "F32", shape, data: other } as const;
    expect(() => loadStateDict(net, new Map([...dict, ["b.weight", changed]]))).toThrow(
      ModuleError,
    );
    expect(() => loadStateDict(net, new Map([...dict, ["b.weight", changed]]))).toThrow(
      /a\.weight and b\.weight are one tensor of the model, but differ/,
    );
    expect(await stateDict(net)).toEqual(dict);
    const one = new Map([...dict, ["b.weight", changed]] as const);
    one.delete("a.weight");
    loadStateDict(net, one);
    expect(await net.a.weight.value.read()).toEqual(other);
    one.delete("b.weight");
    expect(() => loadStateDict(net, one)).toThrow(/missing: a\.weight or b\.weight \[3, 3\]/);
    placement.release();
  });

  it("of batch norms agree on the batches they have seen", async () => {
    const norm = new BatchNorm2d(2);
    const net = Object.assign(new Other(), { one: norm, two: norm });
    const placement = place(net, device(), { seed: 1 });
    const dict = await stateDict(net);
    const count = { dtype: "I64", shape: [], data: BigInt64Array.of(5n) } as const;
    const clash = new Map([...dict, ["two.num_batches_tracked", count]] as const);
    expect(() => loadStateDict(net, clash)).toThrow(/one\.num_batches_tracked and two\.num_b/);
    placement.release();
  });
});

describe("place", () => {
  const device = useDevice(() => openDevice({ kind: "cpu" }));

  it("does not place what is placed: no leak, and the weights stay", async () => {
    const net = new Holder();
    const placement = place(net, device(), { seed: 1 });
    const [before, inUse] = [await stateDict(net), device().counters.bytesInUse];
    expect(() => place(net, device(), { seed: 2 })).toThrow(ModuleError);
    expect(() => place(net, device(), { seed: 2 })).toThrow(/placed already.*loadStateDict/);
    const around = new Sequential(new Linear(3, 3), net);
    expect(() => place(around, device(), { seed: 2 })).toThrow(ModuleError);
    expect(() => place(around, device(), { seed: 2 })).toThrow(/1\.scale\.0 has memory already/);
    expect(device().counters.bytesInUse).toBe(inUse);
    expect(await stateDict(net)).toEqual(before);
    placement.release();
    const again = place(net, device(), { seed: 1 });
    expect(await stateDict(net)).toEqual(before);
    expect(() => placement.release()).toThrow(ReleasedError);
    expect(placementOf(net)).toBe(again);
    again.release();
    expect(() => placementOf(net)).toThrow(ModuleError);
  });

  it("gives back what it had when memory or an initialiser fails", () => {
    const inUse = device().counters.bytesInUse;
    const allocate = device().allocate;
    let left = 2;
    device().allocate = (...args) => {
      if (left-- === 0) throw new LimitError("no memory left");
      return allocate.apply(device(), args);
    };
    const net = new Linear(5, 3);
    expect(() => place(net, device(), { seed: 1 })).toThrow(LimitError);
    device().allocate = allocate;
    expect(device().counters.bytesInUse).toBe(inUse);
    const bad = Object.assign(new Other(), {
      p: new Parameter([3], () => Float32Array.of(1, 2, 3, 4)),
    });
    expect(() => place(bad, device(), { seed: 1 })).toThrow(/p \[3\] gave 4 values, not 3/);
    expect(device().counters.bytesInUse).toBe(inUse);
    expect(bad.p.placed).toBe(false);
  });

  it("is asked for parts that were put in later, by name", async () => {
    const net = new Sequential(new Linear(2, 2));
    const placement = place(net, device(), { seed: 1 });
    const other = new Linear(2, 2);
    const elsewhere = place(other, device(), { seed: 1 });
    Object.assign(net, { extra: other });
    const mixed = Object.assign(net, { children: Module.prototype.children });
    await expect(stateDict(mixed)).rejects.toThrow(/extra\.weight has its memory with another/);
    expect(() => new SGD(mixed, { lr: 1 })).toThrow(ModuleError);
    for (const made of [placement, elsewhere]) made.release();
  });
});
