import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { badNets, poison } from "../../src/attacks/index.js";
import { backward } from "../../src/autograd/tape.js";
import { BatchLoader } from "../../src/data/loader.js";
import { tuningSplit } from "../../src/data/split.js";
import { syntheticShapes } from "../../src/data/synthetic.js";
import { openCpuDevice } from "../../src/device/cpu/open.js";
import { OptionError, ShapeError } from "../../src/device/errors.js";
import { openDevice } from "../../src/device/open.js";
import { checkOptions, nearest, type OptionTable } from "../../src/device/options.js";
import { profileRows } from "../../src/device/profile.js";
import { readPyTorch } from "../../src/io/pytorch.js";
import { resnet18 } from "../../src/models/resnet.js";
import { BatchNorm2d, Conv2d, Linear, place } from "../../src/nn/index.js";
import * as ops from "../../src/ops/index.js";
import { Adam, LossScaler, oneCycle, SGD } from "../../src/optim/index.js";
import { tensor } from "../../src/tensor/create.js";
import type { Shape } from "../../src/tensor/shape.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { fit } from "../../src/training/fit.js";
import { predict } from "../../src/training/predict.js";
import { useDevice } from "../support/devices.js";
import { tinyModel, tinySet } from "../support/tiny.js";
import { values } from "../support/values.js";

const device = useDevice(openCpuDevice);
const of = (shape: Shape): Tensor => tensor(device(), values(shape, 1), shape);
const image = (): Tensor => of([1, 5, 7, 3]);
const kernel = (): Tensor => of([3, 3, 3, 2]);
const set = tinySet(12, 1);
const attack = await badNets.make(set);

/** Options as JavaScript passes them: of no type that the compiler knows. */
const bad = (options: unknown): never => options as never;

const norm = () => {
  const [gamma, beta, runningMean, runningVar] = [of([3]), of([3]), of([3]), of([3])];
  return { gamma, beta, runningMean, runningVar };
};
const fitting = (more: object) => {
  const { model } = tinyModel(device());
  const common = { epochs: 1, batchSize: 6, seed: 1, schedule: () => ({ lr: 0.1 }) };
  return fit(model, set, new SGD(model, { lr: 0.1 }), bad({ ...common, ...more }));
};

const calls: [string, () => unknown, string][] = [
  [
    "conv2d",
    () => ops.conv2d(image(), kernel(), bad({ dilate: 2 })),
    "conv2d has no option dilate (2); it has ",
  ],
  ["groups", () => ops.conv2d(image(), kernel(), bad({ group: 3 })), "no option group (3)"],
  [
    "strides",
    () => ops.conv2d(image(), kernel(), bad({ strides: [2, 1] })),
    "no option strides ([2,1]); it has stride, padding, dilation, groups; did you mean stride?",
  ],
  [
    "a stride in the options' place",
    () => ops.conv2d(image(), kernel(), bad(2)),
    "conv2d: its options must be an object of stride, padding, dilation, groups, not 2",
  ],
  ["null", () => ops.conv2d(image(), kernel(), bad(null)), "not null"],
  [
    "conv2dInference",
    () => ops.conv2dInference(image(), kernel(), of([2]), bad({ bias: true })),
    "conv2dInference has no option bias (true)",
  ],
  ["maxPool2d", () => ops.maxPool2d(image(), 2, bad({ ceil: true })), "no option ceil"],
  ["avgPool2d", () => ops.avgPool2d(image(), 2, bad({ strides: 1 })), "avgPool2d has no option"],
  ["matmul", () => ops.matmul(of([2, 3]), of([3, 2]), bad({ transposeA: true })), "transposeA"],
  [
    "matmul's flag",
    () => ops.matmul(of([2, 3]), of([3, 2]), bad({ transA: "no" })),
    'matmul: transA must be true or false, not "no"',
  ],
  ["sum", () => ops.sum(image(), [1], bad({ keepdims: true })), "did you mean keepDims?"],
  [
    "argmax",
    () => ops.argmax(image(), [1], bad({ keepdim: true })),
    "argmax has no option keepdim",
  ],
  [
    "crossEntropy",
    () => ops.crossEntropy(of([2, 3]), of([2]), bad({ reduction: "avg" })),
    'crossEntropy: reduction must be one of "mean", "sum", "none", not "avg"',
  ],
  [
    "batchNorm",
    () => ops.batchNorm(image(), norm(), bad({ training: true, epsilon: 1e-3 })),
    "batchNorm has no option epsilon (0.001); it has training, momentum, eps, relu, residual",
  ],
  [
    "batchNorm's mode",
    () => ops.batchNorm(image(), norm(), bad({})),
    "batchNorm: training must be true or false, not missing",
  ],
  [
    "batchNorm's number",
    () => ops.batchNorm(image(), norm(), bad({ training: true, eps: Number.NaN })),
    "batchNorm: eps must be a finite number, not NaN",
  ],
  [
    "augment",
    () =>
      ops.augment(
        of([3]),
        bad({ shape: [1, 2, 2, 3], mean: [], std: [], state: of([4]), crop: 4 }),
      ),
    "augment has no option crop (4)",
  ],
  [
    "backward",
    () => backward(ops.sum(image().withGrad()), bad({ retainGraph: true })),
    "backward has no option retainGraph",
  ],
  ["Conv2d", () => new Conv2d(3, 2, 3, bad({ group: 3 })), "Conv2d has no option group (3)"],
  ["Linear", () => new Linear(3, 2, bad({ biases: false })), "did you mean bias?"],
  ["BatchNorm2d", () => new BatchNorm2d(3, bad({ affine: false })), "BatchNorm2d has no option"],
  ["apply", () => new BatchNorm2d(3).apply(image(), bad({ training: true })), "training (true)"],
  ["place", () => place(new Linear(2, 3), device(), bad({})), "place: seed must be"],
  ["resnet18", () => resnet18(bad({ numClasses: 10 })), "resnet has no option numClasses (10)"],
  ["SGD", () => new SGD(tinyModel(device()).model, bad({ lr: "0.1" })), 'finite number, not "0.1"'],
  ["Adam", () => new Adam(tinyModel(device()).model, bad({ beta: 0.9 })), "did you mean betas?"],
  [
    "a schedule's answer",
    () => new SGD(tinyModel(device()).model, { lr: 0.1 }).set(bad({ learningRate: 1 })),
    "SGD's schedule has no option learningRate (1); it has lr, momentum",
  ],
  ["LossScaler", () => new LossScaler(device(), bad({ init: 8 })), "LossScaler has no option init"],
  ["oneCycle", () => oneCycle(0.1, 9, bad({ pctStart: 0.2 })), "oneCycle has no option pctStart"],
  ["fit", () => fitting({ batch: 4 }), "fit has no option batch (4)"],
  ["fit's choice", () => fitting({ precision: "f16" }), 'precision must be one of "f32", "mixed"'],
  ["fit's need", () => fitting({ schedule: undefined }), "fit: schedule must be given"],
  ["fit's epochs", () => fitting({ epochs: 1.5 }), "epochs must be an integer of at least 0"],
  ["predict", () => predict(tinyModel(device()).model, set, bad({ batch: 4 })), "no option batch"],
  [
    "BatchLoader",
    () => new BatchLoader(set, bad({ batchSize: 4, seed: 0, shufle: false })),
    "shuffle?",
  ],
  [
    "tuningSplit",
    () => tuningSplit(set, bad({ fraction: 0.5, seed: 0, scheme: "random" })),
    'scheme must be one of "held-out-balanced"',
  ],
  [
    "syntheticShapes",
    () => syntheticShapes(bad({ train: 1, test: 1, seed: 0, side: 8 })),
    "side (8)",
  ],
  ["poison", () => poison(set, attack, bad({ rate: 1, targetClass: 0 })), "targetClass (0)"],
  ["openDevice", () => openDevice(bad({ type: "cpu" })), 'openDevice has no option type ("cpu")'],
  ["openCpuDevice", () => openCpuDevice(bad({ thread: 1 })), "did you mean threads?"],
  [
    "profileRows",
    () => profileRows([], bad({ by: "layer" })),
    'by must be one of "kernel", "shape"',
  ],
  [
    "readPyTorch",
    () => readPyTorch(new Uint8Array(), bad({ path: "x" })),
    "readPyTorch has no option",
  ],
];

test.each(calls)("%s refuses what it would have ignored", async (_name, call, message) => {
  using _ = device().scope();
  const error: unknown = await Promise.resolve()
    .then(call)
    .then(
      () => null,
      (reason: unknown) => reason,
    );
  expect(String(error)).toContain(message);
  expect(["OptionError", "RangeError"]).toContain((error as Error | null)?.name);
});

test.each([
  ["conv2d", () => ops.conv2d(image(), kernel(), bad({ padding: [1, 1, 1] }))],
  ["maxPool2d", () => ops.maxPool2d(image(), bad("2"))],
  ["Conv2d", () => new Conv2d(3, 2, bad([3, 3, 3]))],
])("%s takes no pair of another length", (name, call) => {
  using _ = device().scope();
  expect(call).toThrow(ShapeError);
  expect(call).toThrow(new RegExp(`^${name}: .* must be .*not (\\[|"2")`));
});

test("what is known passes, with its defaults, from wherever it is inherited", () => {
  using _ = device().scope();
  const defaults = Object.create({ stride: 2 }) as { stride?: number; padding?: number };
  expect(ops.conv2d(image(), kernel(), bad({ dilation: undefined, padding: 1 })).shape).toEqual([
    1, 5, 7, 2,
  ]);
  expect(ops.conv2d(image(), kernel(), defaults).shape).toEqual([1, 2, 3, 2]);
  const inherited = Object.create({ dilate: 2 }) as object;
  expect(() => ops.conv2d(image(), kernel(), inherited)).toThrow(OptionError);
  expect(() => ops.conv2d(image(), kernel(), bad({ constructor: 1 }))).toThrow("constructor (1)");
});

interface Some {
  a: number;
  b?: "x" | "y";
}

test("the compiler holds a table against the options' type", () => {
  const table: OptionTable<Some> = { a: "number!", b: ["x", "y"] };
  checkOptions("f", { a: 1 }, table);
  // @ts-expect-error: b is missing
  const missing: OptionTable<Some> = { a: "number!" };
  // @ts-expect-error: c is no option
  const excess: OptionTable<Some> = { ...table, c: "number" };
  // @ts-expect-error: a must be given
  const optional: OptionTable<Some> = { ...table, a: "number" };
  // @ts-expect-error: b is no number
  const kind: OptionTable<Some> = { ...table, b: "number" };
  expect([missing, excess, optional, kind]).toHaveLength(4);
});

test("a near name is guessed, a far one is not", () => {
  const names = ["stride", "padding", "relu"];
  expect(
    ["strid", "Stride", "paddings", "pading", "dilation", "re", "sride", "rleu"].map((n) =>
      nearest(n, names),
    ),
  ).toEqual([...["stride", "stride", "padding", "padding", null, null, "stride", "relu"]]);
});

/** Options of what no caller of the library reaches, or that a schema checks. */
const elsewhere = [
  ...["ImageBatchOptions", "KernelCheckOptions", "LockOptions", "LoopOptions", "PrepareOptions"],
  "TuningOptions",
];

test("every kind of options is held against a table", () => {
  const root = join(import.meta.dirname, "../../src");
  const above = ["cli", "lab", "schema"].map((folder) => join(root, folder));
  const files = readdirSync(root, { recursive: true, encoding: "utf8" })
    .map((name) => join(root, name))
    .filter((name) => name.endsWith(".ts") && !above.some((folder) => name.startsWith(folder)));
  const text = files.map((file) => readFileSync(file, "utf8")).join("\n");
  const kinds = [...text.matchAll(/(?:interface|export type) (\w+Options)\b/g)].map(
    ([, name]) => name ?? "",
  );
  expect(kinds.length).toBeGreaterThan(30);
  const open = kinds.filter((name) => !new RegExp(`OptionTable<${name}\\b`).test(text));
  expect([...new Set(open)].sort()).toEqual(elsewhere);
});
