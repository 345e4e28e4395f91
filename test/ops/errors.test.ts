import { expect, it } from "vitest";
import { OptionError, ReleasedError, ShapeError } from "../../src/device/errors.js";
import { adaptiveAvgPool2d } from "../../src/ops/adaptive-pool2d.js";
import { attention } from "../../src/ops/attention.js";
import { augment } from "../../src/ops/augment.js";
import { batchNorm } from "../../src/ops/batch-norm.js";
import { cast } from "../../src/ops/cast.js";
import { conv2d } from "../../src/ops/conv2d.js";
import { conv2dTranspose } from "../../src/ops/conv2d-transpose.js";
import { crossEntropy } from "../../src/ops/cross-entropy.js";
import { advance, dropout } from "../../src/ops/dropout.js";
import { einsum } from "../../src/ops/einsum.js";
import { add, clamp, mul, relu, sub } from "../../src/ops/elementwise.js";
import { embedding } from "../../src/ops/gather.js";
import { gridSample } from "../../src/ops/grid-sample.js";
import { concat, stack } from "../../src/ops/join.js";
import { permute, reshape, squeeze } from "../../src/ops/layout.js";
import { mse } from "../../src/ops/losses.js";
import { matmul } from "../../src/ops/matmul.js";
import { pad } from "../../src/ops/pad.js";
import { avgPool2d, maxPool2d } from "../../src/ops/pool2d.js";
import { argmax, max, mean, sum } from "../../src/ops/reduce.js";
import { expand, repeat, tile } from "../../src/ops/repeat.js";
import { dct2d, upsample2d } from "../../src/ops/resample.js";
import { roll, slice, split } from "../../src/ops/slice.js";
import { sort, topk } from "../../src/ops/sort.js";
import { variance } from "../../src/ops/statistics.js";
import { tril, triu } from "../../src/ops/triangle.js";
import { windows } from "../../src/ops/windows.js";
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
    ["a start outside", () => slice(of([3, 5]), [null, [0, 6]]), /6 along axis 1 .*\[3, 5\]/],
    ["a fraction of an index", () => slice(of([3, 5]), [1.5]), /1.5 along axis 0/],
    ["a step of 0", () => slice(of([5]), [[0, 3, 0]]), /step 0 along axis 0/],
    ["too many ranges", () => slice(of([5]), [null, null]), /at most 1 ranges for \[5\]/],
    ["parts of unequal size", () => split(of([5]), 2), /2 does not divide axis 0 of \[5\]/],
    ["parts that miss some", () => split(of([2, 5]), [2, 2], 1), /\[2,2\] does not divide axis 1/],
    ["a third of a shift", () => roll(of([5]), 1 / 3, 0), /shift 0.33.* is no integer/],
    ["nothing to join", () => concat([]), /at least one tensor/],
    ["parts that do not join", () => concat([of([3, 5]), of([2, 4])]), /\[3, 5\], \[2, 4\]/],
    ["types that do not join", () => concat([of([2]), words([1])]), /concat: needs f32.* u32/],
    ["shapes that do not stack", () => stack([of([3]), of([2])]), /stack: \[3\] and \[2\]/],
    ["paddings too few", () => pad(of([3, 5]), [1]), /each dimension of \[3, 5\]/],
    ["a padding below zero", () => pad(of([5]), [-1]), /\[-1\] must have a count/],
    [
      "a mirror too near",
      () => pad(of([5]), [[0, 5]], { mode: "reflect" }),
      /smaller than the size/,
    ],
    ["words padded with ones", () => pad(words([1]), [1], { value: 1 }), /zeros only, not with 1/],
    ["a window too large", () => windows(of([3, 5]), [0], [4]), /4 elements .* axis 0 of \[3, 5\]/],
    ["a window's stride", () => windows(of([5]), [0], [2], { stride: 0 }), /windows: stride .* 0/],
    ["window sizes too few", () => windows(of([3, 5]), [0, 1], [2]), /2 axes need as many/],
    ["a tiling", () => tile(of([3, 5]), [2]), /a count for each dimension of \[3, 5\]/],
    ["a repetition", () => repeat(of([3]), 0, 0), /count must be an integer of at least 1, not 0/],
    ["an expansion", () => expand(of([3]), [3, 2]), /expand: \[3\] and \[3, 2\]/],
    ["a dimension that is no 1", () => squeeze(of([3, 1]), [0]), /axis 0 of \[3, 1\] is not/],
    ["words beside floats", () => add(of([2]), words([1, 2])), /add: needs u32.* \[2\] is f32/],
    [
      "words in a function",
      () => relu(words([1])),
      /relu: takes no u32 .* \[1\] .*cast\(x, "f32"\)/,
    ],
    ["words in a product", () => matmul(words([1]), of([1, 1])), /u32; use cast\(x, "f32"\)/],
    ["a fraction beside words", () => add(words([1]), 0.5), /0.5 beside the u32 tensor \[1\]/],
    ["a negative beside words", () => sub(words([1]), -1), /-1 beside/],
    ["numbers alone", () => add(1, 2), /add: needs at least one tensor, not 1 and 2/],
    ["a text for an operand", () => mul(of([1]), "2" as unknown as number), /numbers, not 2/],
    ["an element type", () => cast(of([1]), "f64" as "f32"), /f64 is no element type/],
    [
      "too few for a variance",
      () => variance(of([1, 3]), [0]),
      /1 values of \[1, 3\] .* correction 1/,
    ],
    ["a target's shape", () => mse(of([2, 3]), of([3])), /mse: \[2, 3\] and its target \[3\]/],
    ["a rate", () => dropout(of([2]), 1, 0), /the rate 1 must be in \[0, 1\)/],
    ["a state", () => advance(words([1])), /a random state is \[4\], not 1/],
    ["k", () => topk(of([2, 3]), 4), /k = 4 must be an integer in 0 .. 3 for \[2, 3\]/],
    ["a vector's triangle", () => tril(of([3])), /tril: needs matrices .* \[3\]/],
    ["a slanted diagonal", () => triu(of([2, 2]), 0.5), /must be an integer/],
    ["a table of rank 1", () => embedding(of([3]), words([1])), /\[rows, columns\]/],
    ["einsum's letters", () => einsum("ij,jk", of([2, 3]), of([4, 5])), /j is 3 and 4/],
    ["einsum's ranks", () => einsum("ijk", of([2, 3])), /"ijk" has 3 letters for \[2, 3\]/],
    ["einsum's tensors", () => einsum("i,j", of([2])), /names 2 tensors, 1 given/],
    ["einsum's result", () => einsum("i->ij", of([2])), /j is in no tensor/],
    ["einsum's dots", () => einsum("...i->i", of([2])), /instead of "\.\.\."/],
    ["batches", () => matmul(of([2, 3, 4]), of([3, 4, 2])), /matmul \(batches\).*do not broadcast/],
    [
      "groups",
      () => conv2d(of([1, 5, 5, 4]), of([3, 3, 4, 2]), { groups: 2 }),
      /takes 4 in each of 2/,
    ],
    [
      "filters",
      () => conv2d(of([1, 5, 5, 4]), of([3, 3, 2, 3]), { groups: 2 }),
      /3 filters .* 2 groups/,
    ],
    [
      "dilation",
      () => conv2d(of([1, 5, 5, 4]), of([3, 3, 4, 2]), { dilation: 3 }),
      /with dilation does not fit/,
    ],
    [
      "three paddings",
      () => conv2d(of([1, 5, 5, 4]), of([3, 3, 4, 2]), { padding: [1, 1, 1] as unknown as number }),
      /padding must be one number or .*\[1,1,1\]/,
    ],
    [
      "a transposed filter",
      () => conv2dTranspose(of([1, 5, 5, 4]), of([3, 3, 4, 2])),
      /4 channels.*takes 2/,
    ],
    [
      "outputPadding",
      () => conv2dTranspose(of([1, 5, 5, 4]), of([3, 3, 2, 4]), { outputPadding: 1 }),
      /\[1, 1\] must be below the stride \[1, 1\]/,
    ],
    [
      "no pixels left",
      () => conv2dTranspose(of([1, 2, 2, 4]), of([1, 1, 2, 4]), { padding: 1 }),
      /leaves 0 x 0 pixels/,
    ],
    [
      "a size and a scale",
      () => upsample2d(of([1, 2, 2, 1]), { size: 4, scale: 2 }),
      /either size or scale/,
    ],
    ["no size", () => upsample2d(of([1, 2, 2, 1]), {}), /either size or scale/],
    [
      "corners of blocks",
      () => upsample2d(of([1, 2, 2, 1]), { size: 4, alignCorners: true }),
      /needs mode/,
    ],
    [
      "a size of 0",
      () => upsample2d(of([1, 2, 2, 1]), { scale: 0.3 }),
      /scaled size must be .* not 0/,
    ],
    [
      "cells",
      () => adaptiveAvgPool2d(of([1, 2, 2, 1]), 0),
      /size must be an integer of at least 1/,
    ],
    [
      "a grid",
      () => gridSample(of([2, 3, 3, 1]), of([1, 4, 4, 2])),
      /a grid \[2, outH, outW, 2\], not \[1, 4, 4, 2\]/,
    ],
    [
      "keys",
      () => attention(of([3, 4]), of([5, 4]), of([6, 4])),
      /\[3, 4\], \[5, 4\], \[6, 4\] must be/,
    ],
    ["images for the DCT", () => dct2d(of([3, 4])), /dct2d: x must be \[n, h, w, c\]/],
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

  const options: [string, () => unknown, RegExp][] = [
    ["pad", () => pad(of([3]), [1], { mod: "edge" } as object), /pad has no option mod .*mode\?/],
    [
      "a mode",
      () => pad(of([3]), [1], { mode: "zero" } as object),
      /"constant", "reflect", "edge"/,
    ],
    ["windows", () => windows(of([3]), [0], [1], { step: 2 } as object), /no option step/],
    [
      "mse",
      () => mse(of([3]), of([3]), { reduce: "sum" } as object),
      /no option reduce.*reduction/,
    ],
    ["sort", () => sort(of([3]), 0, { reverse: true } as object), /no option reverse/],
    [
      "conv2d",
      () => conv2d(of([1, 3, 3, 1]), of([1, 1, 1, 1]), { pad: 1 } as object),
      /no option pad/,
    ],
    [
      "avgPool2d",
      () => avgPool2d(of([1, 3, 3, 1]), 2, { ceilMode: true } as object),
      /no option ceilMode/,
    ],
    [
      "upsample2d",
      () => upsample2d(of([1, 3, 3, 1]), { size: 5, mode: "cubic" } as object),
      /"bicubic"/,
    ],
    [
      "gridSample",
      () => gridSample(of([1, 3, 3, 1]), of([1, 1, 1, 2]), { mode: "nearest" } as object),
      /no option mode/,
    ],
    [
      "attention",
      () => attention(of([2, 2]), of([2, 2]), of([2, 2]), { isCausal: true } as object),
      /no option isCausal/,
    ],
    ["variance", () => variance(of([3]), [0], { ddof: 1 } as object), /no option ddof/],
  ];

  for (const [name, fault, message] of options) {
    it(`names an option that does not exist: ${name}`, () => {
      using _ = device().scope();
      expect(fault).toThrow(OptionError);
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
    expect(slice(of([3, 5]), [null, [2, 2]]).shape).toEqual([3, 0]);
    expect(slice(none, [null, [null, null, -1]]).shape).toEqual([0, 3]);
    expect(Array.from(await concat([none, of([1, 3])]).read())).toEqual([...values([1, 3], 1)]);
    expect(Array.from(await pad(none, [[1, 0], 0]).read())).toEqual([0, 0, 0]);
    expect(repeat(none, 2, 0).shape).toEqual([0, 3]);
    expect(roll(none, 2, 0).shape).toEqual([0, 3]);
  });

  it("names the tensor and the limit when it does not fit", () => {
    const tooMany = Math.ceil(device().maxStorageBytes / 4) + 1;
    expect(() => empty(device(), [tooMany])).toThrow(new RegExp(`tensor \\[${tooMany}\\] needs`));
    expect(() => empty(device(), [tooMany])).toThrow(/largest single tensor is \d+ bytes/);
  });
});
