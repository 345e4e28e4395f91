import { describe, expect, it } from "vitest";
import { backward, gradients } from "../../src/autograd/tape.js";
import { openCpuDevice } from "../../src/device/cpu/open.js";
import type { Device } from "../../src/device/device.js";
import { ShapeError, UnsupportedPrecisionError } from "../../src/device/errors.js";
import { openWebGpuDevice } from "../../src/device/webgpu/device.js";
import { adaptiveAvgPool2d } from "../../src/ops/adaptive-pool2d.js";
import { attention } from "../../src/ops/attention.js";
import { batchNorm } from "../../src/ops/batch-norm.js";
import { cast } from "../../src/ops/cast.js";
import { conv2d } from "../../src/ops/conv2d.js";
import { conv2dTranspose } from "../../src/ops/conv2d-transpose.js";
import { crossEntropy } from "../../src/ops/cross-entropy.js";
import { cumsum } from "../../src/ops/cumsum.js";
import { dropout } from "../../src/ops/dropout.js";
import { add, geluExact, mul, relu } from "../../src/ops/elementwise.js";
import { gather } from "../../src/ops/gather.js";
import { gridSample } from "../../src/ops/grid-sample.js";
import { concat, stack } from "../../src/ops/join.js";
import { groupNorm, layerNorm } from "../../src/ops/layer-norm.js";
import { permute, reshape } from "../../src/ops/layout.js";
import { matmul } from "../../src/ops/matmul.js";
import { pad } from "../../src/ops/pad.js";
import { globalAvgPool, maxPool2d } from "../../src/ops/pool2d.js";
import { max, mean, sum } from "../../src/ops/reduce.js";
import { repeat, tile } from "../../src/ops/repeat.js";
import { upsample2d } from "../../src/ops/resample.js";
import { slice } from "../../src/ops/slice.js";
import { logSoftmax, logSumExp, softmax } from "../../src/ops/softmax.js";
import { sort } from "../../src/ops/sort.js";
import { variance } from "../../src/ops/statistics.js";
import { windows } from "../../src/ops/windows.js";
import { tensor } from "../../src/tensor/create.js";
import type { Shape } from "../../src/tensor/shape.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { normRelativeError } from "../support/compare.js";
import { useDevice } from "../support/devices.js";
import { halfRounding, halves } from "../support/half.js";
import { labelsOf, values } from "../support/values.js";

const device = useDevice(openWebGpuDevice);

const pick = (list: readonly Tensor[], i: number): Tensor => list[i] as Tensor;

/** f32 weights over the elements, so that a misplaced gradient shows; the result is f32. */
const weighed = (y: Tensor): Tensor =>
  sum(mul(y, tensor(y.device, values(y.shape, 99, 0.5, 1.5), y.shape)));

interface Case {
  /** Shapes of the inputs that are halves, then of those that stay f32. */
  half: Shape[];
  single?: Shape[];
  /** How many results on the way there, or back, are stored in f16. */
  roundings: number;
  result: (x: readonly Tensor[], device: Device) => Tensor;
}

const cases: Record<string, Case> = {
  "add, a bias that stays f32, relu": {
    half: [[3, 7, 5]],
    single: [[5]],
    roundings: 3,
    result: (x) => relu(add(pick(x, 0), pick(x, 1))),
  },
  "mul of two halves, one broadcast": {
    half: [[7, 5], [5]],
    roundings: 3,
    result: (x) => mul(pick(x, 0), pick(x, 1)),
  },
  "permute, reshape, mean": {
    half: [[3, 4, 5]],
    roundings: 2,
    result: (x) => mean(reshape(permute(pick(x, 0), [2, 0, 1]), [5, 12]), [1]),
  },
  "max, whose ties share": {
    half: [[6, 7]],
    roundings: 2,
    result: (x) => max(pick(x, 0), [1]),
  },
  "slice, pad by reflection, windows": {
    half: [[3, 9, 4]],
    roundings: 2,
    result: (x) => {
      const padded = pad(slice(pick(x, 0), [[2, null, -1]]), [0, [2, 1], 1], { mode: "reflect" });
      return windows(padded, [1], [3], { stride: 2 });
    },
  },
  "concat, repeat, tile": {
    half: [
      [3, 5],
      [2, 5],
    ],
    roundings: 2,
    result: (x) => tile(repeat(concat([pick(x, 0), pick(x, 1)]), 2, 1), [1, 3]),
  },
  "softmax, logSoftmax, which compute in f32": {
    half: [[5, 7]],
    roundings: 4,
    result: (x) => add(softmax(pick(x, 0)), logSoftmax(pick(x, 0), 0)),
  },
  "geluExact with numbers, dropout, sort": {
    half: [[5, 9]],
    roundings: 5,
    result: (x) => sort(dropout(geluExact(mul(pick(x, 0), 1.5)), 0.3, 7)).values,
  },
  "logSumExp, variance, cumsum": {
    half: [[5, 7]],
    roundings: 3,
    result: (x) => {
      const all = [
        logSumExp(pick(x, 0), [1]),
        variance(pick(x, 0), [1]),
        sum(cumsum(pick(x, 0), 1), [1]),
      ];
      return stack(all);
    },
  },
  "conv2d by channels with f32 filters, strided": {
    half: [[2, 7, 6, 8]],
    single: [[3, 3, 1, 8]],
    roundings: 3,
    result: (x) => conv2d(pick(x, 0), pick(x, 1), { groups: 8, stride: 2, padding: 1 }),
  },
  "conv2d in groups, conv2dTranspose": {
    half: [[2, 5, 6, 4]],
    single: [
      [3, 3, 2, 6],
      [2, 2, 3, 6],
    ],
    roundings: 6,
    result: (x) =>
      conv2dTranspose(conv2d(pick(x, 0), pick(x, 1), { groups: 2 }), pick(x, 2), { stride: 2 }),
  },
  "upsample2d, adaptiveAvgPool2d, gridSample": {
    half: [[2, 4, 5, 3]],
    single: [[2, 3, 3, 2]],
    roundings: 5,
    result: (x) => {
      const large = adaptiveAvgPool2d(upsample2d(pick(x, 0), { size: 7, mode: "bicubic" }), [5, 6]);
      return gridSample(large, mul(pick(x, 1), 0.4));
    },
  },
  attention: {
    half: [
      [2, 5, 4],
      [2, 6, 4],
      [2, 6, 3],
    ],
    roundings: 6,
    result: (x) => attention(pick(x, 0), pick(x, 1), pick(x, 2)),
  },
  "matmul with an f32 weight and bias": {
    half: [[9, 11]],
    single: [[7, 11], [7]],
    roundings: 2,
    result: (x) => matmul(pick(x, 0), pick(x, 1), { transB: true, bias: pick(x, 2) }),
  },
  "matmul of halves, one matrix for a batch": {
    half: [
      [3, 5, 7],
      [7, 4],
    ],
    roundings: 4,
    result: (x) => matmul(pick(x, 0), pick(x, 1)),
  },
  "conv2d with an f32 weight, max pool": {
    half: [[2, 6, 7, 3]],
    single: [[3, 3, 3, 5]],
    roundings: 4,
    result: (x) => maxPool2d(conv2d(pick(x, 0), pick(x, 1), { padding: 1 }), 2),
  },
  "batch norm with residual and relu, global average pool": {
    half: [
      [4, 3, 5, 6],
      [4, 3, 5, 6],
    ],
    single: [[6], [6]],
    roundings: 4,
    result: (x, on) => {
      const state = {
        gamma: pick(x, 2),
        beta: pick(x, 3),
        runningMean: tensor(on, values([6], 7)),
        runningVar: tensor(on, values([6], 8, 0.5, 2)),
      };
      const options = { training: true, relu: true, residual: pick(x, 1) };
      return globalAvgPool(batchNorm(pick(x, 0), state, options));
    },
  },
  "layer norm": {
    half: [[13, 35]],
    single: [[35], [35]],
    roundings: 3,
    result: (x) => layerNorm(pick(x, 0), { gamma: pick(x, 1), beta: pick(x, 2) }),
  },
  "group norm": {
    half: [[4, 3, 5, 6]],
    roundings: 3,
    result: (x) => groupNorm(pick(x, 0), 3),
  },
  "crossEntropy of halves, which it takes to f32": {
    half: [[9, 5]],
    roundings: 1,
    result: (x, on) => crossEntropy(pick(x, 0), tensor(on, labelsOf(9, 5, 3), [9], "u32")),
  },
};

/** The result and the gradients, with the inputs stored as halves where `type` says so. */
async function evaluate({ half, single = [], result }: Case, type: "f16" | "f32") {
  using _ = device().scope();
  const inputs = [
    ...half.map((shape, i) => {
      const x = tensor(device(), halves(values(shape, i + 1)), shape);
      return cast(x, type).withGrad();
    }),
    ...single.map((shape, i) => tensor(device(), values(shape, i + 11), shape).withGrad()),
  ];
  const value = result(inputs, device());
  const found = gradients(weighed(value), inputs);
  const all = [value, ...found].map((x) => x.read());
  return { types: found.map((x) => x.dtype), read: await Promise.all(all) };
}

describe("ops on halves", () => {
  it.each(Object.entries(cases))("%s", async (_, c) => {
    const [got, want] = [await evaluate(c, "f16"), await evaluate(c, "f32")];
    expect(got.types).toEqual([...c.half.map(() => "f16"), ...(c.single ?? []).map(() => "f32")]);
    want.read.forEach((expected, i) => {
      const error = normRelativeError(
        Float64Array.from(got.read[i] ?? []),
        Float64Array.from(expected),
      );
      expect(error, `result ${i}`).toBeLessThan(c.roundings * halfRounding);
    });
  });

  it("casts there and back, and gradients with them", async () => {
    using _ = device().scope();
    const x = tensor(device(), [1, 1 / 3, -2049, 70000, 2 ** -24], [5]).withGrad();
    const there = cast(x, "f16");
    expect(cast(there, "f16")).toBe(there);
    const back = cast(there, "f32");
    backward(weighed(back));
    const [got, gradient] = [back.read(), x.grad?.read()];
    expect([...(await got)]).toEqual([...halves([1, 1 / 3, -2049, 70000, 2 ** -24])]);
    expect([...((await gradient) ?? [])]).toEqual([...halves(values([5], 99, 0.5, 1.5))]);
  });

  it("writes and reads an odd number of elements", async () => {
    using _ = device().scope();
    const x = tensor(device(), values([7], 1), [7], "f16");
    expect([...(await x.read())]).toEqual([...halves(values([7], 1))]);
    x.write(values([7], 2));
    expect([...(await x.read())]).toEqual([...halves(values([7], 2))]);
  });

  it("sums a leaf's two gradients as halves", async () => {
    using _ = device().scope();
    const x = tensor(device(), [1, 2, 3], [3], "f16").withGrad();
    backward(sum(add(mul(x, x), x)));
    expect(x.grad?.dtype).toBe("f16");
    expect([...((await x.grad?.read()) ?? [])]).toEqual([3, 5, 7]);
  });

  it("says what has no f16 form, and the way out", () => {
    using _ = device().scope();
    const x = tensor(device(), [1, 2, 3, 4], [2, 2], "f16");
    const index = tensor(device(), [0, 1], [2], "u32");
    expect(() => gather(x, index)).toThrow(/gather: needs f32 tensors.*f16; use cast\(x, "f32"\)/);
    const rows = tensor(device(), values([2, 2], 1), [2, 2]);
    const state = {
      gamma: tensor(device(), [1, 1]),
      beta: tensor(device(), [0, 0]),
      runningMean: tensor(device(), [0, 0]),
      runningVar: tensor(device(), [1, 1]),
    };
    const mixed = () => batchNorm(x, state, { training: true, residual: rows });
    expect(mixed).toThrow(ShapeError);
    expect(mixed).toThrow(/residual \[2, 2\] f32 must have x's shape \[2, 2\] and type f16/);
  });
});

describe("halves on the CPU device", () => {
  it("are a typed error that names the device and the remedy", async () => {
    const cpu = await openCpuDevice();
    try {
      using _ = cpu.scope();
      const x = tensor(cpu, [1, 2, 3]);
      expect(() => cast(x, "f16")).toThrow(UnsupportedPrecisionError);
      expect(() => cast(x, "f16")).toThrow(/f16.*shader-f16.*cpu device.*precision "f32"/s);
      const slice = { ...x.slice, type: "f16" } as const;
      expect(() => cpu.run("fill", { dst: slice, value: 0 })).toThrow(/CPU device cannot compute/);
    } finally {
      await cpu.destroy();
    }
  });
});
