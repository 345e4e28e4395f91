import { describe, expect, it } from "vitest";
import type { NamedTensor, StateDict } from "../../src/io/state-dict.js";
import { misfit, type Part } from "../../src/nn/misfit.js";

const named = (name: string, ...shape: number[]): Part => ({ names: [name], shape });
const model: Part[] = [
  named("conv.weight", 2, 1),
  named("conv.bias", 2, 2),
  named("bn.running_mean", 2, 3),
  { names: ["bn.num_batches_tracked"], shape: null },
];
const f32 = (...shape: number[]): NamedTensor => ({
  ...{ dtype: "F32", shape, data: new Float32Array(shape.reduce((p, e) => p * e, 1)).fill(0.5) },
});
const right = (): StateDict =>
  new Map(model.flatMap(({ names, shape }) => (shape ? [[names[0] ?? "", f32(...shape)]] : [])));
const withOne = (name: string, tensor: unknown) => right().set(name, tensor as NamedTensor);

describe("misfit", () => {
  it("finds nothing where all fits, with and without batch norm's counters", () => {
    const count: NamedTensor = { dtype: "I64", shape: [], data: BigInt64Array.of(3n) };
    expect(misfit(model, right())).toBeUndefined();
    expect(misfit(model, right().set("bn.num_batches_tracked", count))).toBeUndefined();
    const double: NamedTensor = {
      dtype: "F64",
      shape: [2, 2],
      data: new Float64Array(4).fill(1e38),
    };
    expect(misfit(model, right().set("conv.bias", double))).toBeUndefined();
  });

  it.each<[string, StateDict, string]>([
    [
      "values too few",
      withOne("conv.bias", { ...f32(2, 2), data: new Float32Array(1) }),
      "conv.bias has 1 values for the shape [2, 2], which takes 4",
    ],
    [
      "no values",
      withOne("conv.bias", { ...f32(2, 2), data: new Float32Array(0) }),
      "conv.bias has 0 values for the shape [2, 2], which takes 4",
    ],
    [
      "a shape of NaN",
      withOne("conv.bias", { ...f32(2, 2), shape: [Number.NaN, 2] }),
      "conv.bias has the shape [NaN,2], which is no list of sizes",
    ],
    [
      "values of another type",
      withOne("conv.bias", { ...f32(2, 2), data: new Float64Array(4) }),
      "conv.bias is F32, but its values are no Float32Array",
    ],
    [
      "integers",
      withOne("conv.bias", { dtype: "I16", shape: [2, 2], data: new Int16Array(4) }),
      "conv.bias is I16, not a floating type",
    ],
    [
      "numbers beyond F32",
      withOne("conv.bias", { dtype: "F64", shape: [2, 2], data: Float64Array.of(0, 1, 1e39, 2) }),
      "conv.bias holds 1e+39, which F32 cannot",
    ],
    ["another shape", withOne("conv.bias", f32(4, 1)), "conv.bias is [4, 1], the model has [2, 2]"],
    [
      "a counter without values",
      withOne("bn.num_batches_tracked", { dtype: "I64", shape: [0], data: new BigInt64Array(0) }),
      "bn.num_batches_tracked is no count of batches",
    ],
    [
      "a negative counter",
      withOne("bn.num_batches_tracked", { dtype: "I64", shape: [], data: BigInt64Array.of(-1n) }),
      "bn.num_batches_tracked is no count of batches",
    ],
    [
      "no Map",
      { tensors: right() } as unknown as StateDict,
      "it is no Map of tensors by name, as readers return in `tensors`",
    ],
  ])("says what is wrong with %s", (_, dict, message) => {
    expect(misfit(model, dict)).toBe(message);
  });

  it("takes one of several names of a part, and refuses ones that differ", () => {
    const tied: Part[] = [{ names: ["a.w", "b.w"], shape: [2] }];
    const two = (second: number): StateDict =>
      new Map([
        ["a.w", { dtype: "F32", shape: [2], data: Float32Array.of(1, Number.NaN) }],
        ["b.w", { dtype: "F64", shape: [2], data: Float64Array.of(1, second) }],
      ]);
    expect(misfit(tied, new Map([["b.w", f32(2)]]))).toBeUndefined();
    expect(misfit(tied, two(Number.NaN))).toBeUndefined();
    expect(misfit(tied, two(3))).toBe("a.w and b.w are one tensor of the model, but differ");
    expect(misfit(tied, new Map())).toBe("missing: a.w or b.w [2]");
  });

  it("shows unknown names beside however many are missing, and a prefix that explains both", () => {
    const many = Array.from({ length: 70 }, (_, i) => named(`layer.${i}.weight`, 1));
    const other: StateDict = new Map(Array.from({ length: 70 }, (_, i) => [`other.${i}`, f32(1)]));
    expect(misfit(many, other)).toMatch(
      /^missing: layer.0.weight \[1\], .* and 64 more; unknown: other.0, other.1, .* and 64 more$/,
    );
    const prefixed: StateDict = new Map([...right()].map(([name, t]) => [`net.${name}`, t]));
    expect(misfit(model, prefixed)).toMatch(/\(its names have net. in front: take it off\)$/);
  });
});
