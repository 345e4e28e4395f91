import { expect, it } from "vitest";
import { ReleasedError, ShapeError } from "../../src/device/errors.js";
import { augment } from "../../src/ops/augment.js";
import { batchNorm } from "../../src/ops/batch-norm.js";
import { conv2d } from "../../src/ops/conv2d.js";
import { crossEntropy } from "../../src/ops/cross-entropy.js";
import { add, clamp } from "../../src/ops/elementwise.js";
import { permute, reshape } from "../../src/ops/layout.js";
import { matmul } from "../../src/ops/matmul.js";
import { maxPool2d } from "../../src/ops/pool2d.js";
import { argmax, max, mean, sum } from "../../src/ops/reduce.js";
import { empty, tensor } from "../../src/tensor/create.js";
import type { Shape } from "../../src/tensor/shape.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { describeOnDevices } from "../support/devices.js";
import { values } from "../support/values.js";

describeOnDevices("bad and empty arguments", (device) => {
  const of = (shape: Shape): Tensor => tensor(device(), values(shape, 1), shape);
  const words = (list: number[]): Tensor => tensor(device(), list, [list.length], "u32");

  const faults: [string, () => unknown, RegExp][] = [
    ["shapes that do not broadcast", () => add(of([3, 5]), of([4])), /add: \[3, 5\] and \[4\]/],
    ["inner sizes", () => matmul(of([2, 3]), of([5, 2])), /inner sizes 3 and 5 differ/],
    ["a vector in matmul", () => matmul(of([3]), of([3, 2])), /rank 2 or more/],
    ["a bias of the wrong size", () => matmul(of([2, 3]), of([3, 2]), { bias: of([3]) }), /\[2\]/],
    ["channels", () => conv2d(of([1, 5, 5, 4]), of([3, 3, 8, 2])), /4 channels.*takes 8/],
    ["a kernel too large", () => conv2d(of([1, 2, 2, 4]), of([5, 5, 4, 2])), /does not fit/],
    ["a stride of 0", () => conv2d(of([1, 5, 5, 4]), of([3, 3, 4, 2]), { stride: 0 }), /stride/],
    ["a rank", () => conv2d(of([5, 5, 4]), of([3, 3, 4, 2])), /must be \[n, h, w, cIn\]/],
    ["pool padding", () => maxPool2d(of([1, 5, 5, 3]), 2, { padding: 2 }), /half the window/],
    ["labels", () => crossEntropy(of([3, 5]), words([1, 2])), /labels \[3\]/],
    ["f32 labels", () => crossEntropy(of([3, 5]), of([3])), /u32/],
    ["smoothing", () => crossEntropy(of([1, 5]), words([1]), { labelSmoothing: 1 }), /\[0, 1\)/],
    ["an axis", () => sum(of([3, 5]), [2]), /axis 2 does not exist/],
    ["an axis twice", () => sum(of([3, 5]), [1, -1]), /twice/],
    ["an empty mean", () => mean(empty(device(), [0, 3]), [0]), /nothing to reduce/],
    ["an empty max", () => max(empty(device(), [2, 0]), [1]), /nothing to reduce/],
    ["a reshape", () => reshape(of([3, 5]), [4, -1]), /does not fit \[4, -1\]/],
    ["a permutation", () => permute(of([3, 5]), [0, 0]), /twice/],
    ["clamp bounds", () => clamp(of([2]), 2, 1), /low 2 is above high 1/],
    ["a size", () => empty(device(), [2, 1.5]), /1.5 is not a size/],
    ["the number of values", () => tensor(device(), [1, 2, 3], [2, 2]), /holds 4 values, 3 given/],
    [
      "one row in training",
      () =>
        batchNorm(
          of([1, 3]),
          { gamma: of([3]), beta: of([3]), runningMean: of([3]), runningVar: of([3]) },
          { training: true },
        ),
      /no variance/,
    ],
    [
      "image bytes",
      () =>
        augment(words([1, 2]), {
          shape: [1, 2, 2, 3],
          mean: [0.5, 0.5, 0.5],
          std: [1, 1, 1],
          state: words([1, 2, 3, 4]),
        }),
      /12 bytes, 3 words; the images hold 2/,
    ],
  ];

  for (const [name, fault, message] of faults) {
    it(`names ${name}`, () => {
      using _ = device().scope();
      expect(fault).toThrow(ShapeError);
      expect(fault).toThrow(message);
    });
  }

  it("refuses a tensor whose scope has ended", () => {
    const scope = device().scope();
    const x = of([3]);
    scope[Symbol.dispose]();
    expect(() => add(x, x)).toThrow(ReleasedError);
    expect(() => add(x, x)).toThrow(/keep\(\)/);
  });

  it("computes with empty tensors", async () => {
    using _ = device().scope();
    const none = empty(device(), [0, 3]);
    expect(add(none, of([3])).shape).toEqual([0, 3]);
    expect((await add(none, of([3])).read()).length).toBe(0);
    expect(Array.from(await sum(none, [0]).read())).toEqual([0, 0, 0]);
    expect(matmul(none, of([3, 2])).shape).toEqual([0, 2]);
    expect(
      Array.from(await matmul(empty(device(), [2, 0]), empty(device(), [0, 3])).read()),
    ).toEqual([0, 0, 0, 0, 0, 0]);
    expect(conv2d(empty(device(), [0, 5, 5, 4]), of([3, 3, 4, 2])).shape).toEqual([0, 3, 3, 2]);
    expect(argmax(empty(device(), [0, 4]), [1]).shape).toEqual([0]);
  });

  it("names the tensor and the limit when it does not fit", () => {
    const tooMany = Math.ceil(device().maxStorageBytes / 4) + 1;
    expect(() => empty(device(), [tooMany])).toThrow(new RegExp(`tensor \\[${tooMany}\\] needs`));
    expect(() => empty(device(), [tooMany])).toThrow(/largest single tensor is \d+ bytes/);
  });
});
