import { describe, expect, test } from "vitest";
import { elementwiseTable } from "../../../src/device/elementwise.js";
import { collapse, contiguousStrides } from "../../../src/device/webgpu/collapse.js";
import { elementwiseHead } from "../../../src/device/webgpu/elementwise.js";

describe("collapse", () => {
  test.each([
    {
      title: "contiguous operands become one dimension",
      shape: [3, 5, 7],
      strides: [
        [35, 7, 1],
        [35, 7, 1],
      ],
      want: { shape: [105], strides: [[1], [1]] },
    },
    {
      title: "a row repeated keeps two",
      shape: [3, 5, 7],
      strides: [
        [35, 7, 1],
        [0, 0, 1],
      ],
      want: {
        shape: [15, 7],
        strides: [
          [7, 1],
          [0, 1],
        ],
      },
    },
    {
      title: "a transposed matrix keeps two, and size-1 dimensions go",
      shape: [7, 1, 5],
      strides: [[1, 99, 7]],
      want: { shape: [7, 5], strides: [[1, 7]] },
    },
    {
      title: "one element",
      shape: [1, 1],
      strides: [[0, 0]],
      want: { shape: [1], strides: [[1]] },
    },
  ])("$title", ({ shape, strides, want }) => {
    expect(collapse(shape, strides)).toEqual(want);
  });

  test("contiguous strides are row-major", () => {
    expect(contiguousStrides([3, 5, 7])).toEqual([35, 7, 1]);
    expect(contiguousStrides([])).toEqual([]);
  });
});

const f32 = <A extends string>(access: A) => ({ access, half: false });
const f16 = <A extends string>(access: A) => ({ access, half: true });

describe("generated WGSL", () => {
  test("a gradient on whole vectors", () => {
    const [gradient] = elementwiseTable.leakyRelu.gradients;
    if (!gradient) throw new Error("leakyRelu has a gradient");
    expect(elementwiseHead(gradient, [f32("full"), f32("scalar")], true, 1)).toMatchInlineSnapshot(`
      "alias V = vec4f;
      alias I = vec4i;
      alias U = vec4u;
      alias B = vec4<bool>;
      struct Params {
        length: u32,
        perGroup: u32,
        p: f32,
        q: f32,
        gPeriod: u32,
        aPeriod: u32,
      }
      @group(0) @binding(0) var<uniform> params: Params;
      @group(0) @binding(1) var<storage, read> gData: array<vec4f>;
      @group(0) @binding(2) var<storage, read> aData: array<f32>;
      @group(0) @binding(3) var<storage, read_write> result: array<Result>;
      fn value(i: u32) -> V {
        let g = V(gData[i]);
        let a = V(aData[0]);
        return select((V(params.p) * g), g, isLess(V(0), a));
      }"
    `);
  });

  test("an operand with strides and a row repeated, element by element", () => {
    const { forward } = elementwiseTable.maximum;
    expect(
      elementwiseHead(forward, [f32("strided"), f32("inner")], false, 2),
    ).toMatchInlineSnapshot(`
      "alias V = f32;
      alias I = i32;
      alias U = u32;
      alias B = bool;
      struct Params {
        length: u32,
        perGroup: u32,
        p: f32,
        q: f32,
        size0: u32,
        size1: u32,
        aStride0: u32,
        aStride1: u32,
        bPeriod: u32,
      }
      @group(0) @binding(0) var<uniform> params: Params;
      @group(0) @binding(1) var<storage, read> aData: array<f32>;
      @group(0) @binding(2) var<storage, read> bData: array<f32>;
      @group(0) @binding(3) var<storage, read_write> result: array<Result>;
      fn value(i: u32) -> V {
        var rest = i;
        let at1 = rest % params.size1;
        rest /= params.size1;
        let at0 = rest;
        let a = V(aData[at0 * params.aStride0 + at1 * params.aStride1]);
        let b = V(bData[i % params.bPeriod]);
        return maxOf(a, b);
      }"
    `);
  });

  test.each([
    [true, "array<vec4h>", "V(f32(bData[0]))", "V(aData[i])"],
    [false, "array<f16>", "V(f32(bData[0]))", "V(f32(aData[i]))"],
  ])("halves become floats as they are read, in fours %s", (vector, type, scalar, element) => {
    const text = elementwiseHead(
      elementwiseTable.sub.forward,
      [f16("full"), f16("scalar")],
      vector,
      1,
    );
    expect(text).toContain(`aData: ${type};`);
    expect(text).toContain("bData: array<f16>;");
    expect(text).toContain(`let a = ${element};`);
    expect(text).toContain(`let b = ${scalar};`);
  });
});
