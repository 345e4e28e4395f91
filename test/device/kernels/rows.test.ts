import { describeOnDevices } from "../../support/devices.js";
import { kernelCase, testKernelCases } from "../../support/kernel-case.js";
import { integers, output, uniform } from "../../support/random.js";

const sizes: readonly (readonly [rows: number, picked: number, columns: number])[] = [
  [1, 1, 1],
  [7, 5, 3],
  [5, 131, 4],
  [257, 35, 64],
  [10, 1031, 1],
  [3, 2, 4099],
  [1031, 3, 33],
  [771, 6007, 3],
];

const gathers = [
  ...sizes.map(([rows, picked, columns]) =>
    kernelCase("gatherRows", `${picked} of [${rows}, ${columns}]`, () => ({
      x: uniform(1, rows * columns),
      index: integers(2, picked, rows),
      out: output(picked * columns),
      rows,
      picked,
      columns,
    })),
  ),
  kernelCase("gatherRows", "an index out of range gives its row no numbers", () => ({
    x: uniform(1, 7 * 5),
    index: Uint32Array.of(6, 7, 0, 0xffffffff, 3),
    out: output(25),
    rows: 7,
    picked: 5,
    columns: 5,
  })),
];

const scatters = sizes.map(([rows, picked, columns]) =>
  kernelCase("scatterAddRows", `${picked} into [${rows}, ${columns}]`, () => ({
    dy: uniform(1, picked * columns),
    index: integers(2, picked, rows),
    out: output(rows * columns),
    rows,
    picked,
    columns,
  })),
);

const oneHots = [
  [1, 1],
  [7, 5],
  [257, 10],
  [35, 131],
].map(([picked = 0, classes = 0]) =>
  kernelCase("oneHot", `${picked} of ${classes} classes`, () => ({
    index: integers(3, picked, classes),
    out: output(picked * classes),
    picked,
    classes,
    on: 0.91,
    off: 0.01,
  })),
);

describeOnDevices("gatherRows", (device) => testKernelCases(device, gathers));
describeOnDevices("scatterAddRows", (device) => testKernelCases(device, scatters));
describeOnDevices("oneHot", (device) => testKernelCases(device, oneHots));
