import { exact } from "../../support/compare.js";
import { describeOnDevices } from "../../support/devices.js";
import { kernelCase, testKernelCases } from "../../support/kernel-case.js";
import { at, uniform } from "../../support/random.js";

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const state = (...values: number[]): Float64Array => Float64Array.from(values);

/** Gradients with one value put in, wherever a lane, a vector or a thread's share may end. */
const unscale = (n: number, value: number | null, where: number, scale = 1024, found = 0) =>
  kernelCase(
    "unscale",
    `${n} gradients, ${value ?? "none"} at ${where}, found ${found}`,
    () => {
      const grads = uniform(n, n, -100, 100);
      if (value !== null) grads[where] = value;
      return { grads, state: state(scale, 5, found, 2) };
    },
    // By a power of two the division is exact.
    { grads: exact, state: exact },
  );

const finite = [1, 3, 35, 257, 260, 4099, 65540].map((n) => unscale(n, null, 0));
const places = [0, 1, 34, 256, 4095, 4098];
const infinite = places.flatMap((where) =>
  [inf, -inf, nan].map((value) => unscale(4099, value, where)),
);
const inVectors = [0, 3, 259].map((where) => unscale(260, nan, where));
/** The largest number is still one, and a flag that another call has raised stays up. */
const edges = [
  unscale(257, at(Float32Array.of(3.4028234663852886e38), 0), 256),
  unscale(257, null, 0, 2 ** -14, 1),
];

const update = (title: string, from: Float64Array, growth = 2, interval = 2000) =>
  kernelCase(
    "updateScale",
    title,
    () => ({ state: from.slice(), growth, backoff: 0.5, interval }),
    { state: exact },
  );

const updates = [
  update("a good step is counted", state(65536, 7, 0, 3)),
  update("the last good step of an interval doubles the scale", state(65536, 1999, 0, 3)),
  update("an interval of one step", state(8, 0, 0, 0), 2, 1),
  update("a step that overflowed halves it and is counted", state(65536, 1999, 1, 3)),
  update("a scale that would become infinite stays", state(2 ** 127, 1999, 0, 0)),
  update("no growth", state(65536, 1999, 0, 0), 1),
];

describeOnDevices("loss scaling", (device) =>
  testKernelCases(device, [...finite, ...infinite, ...inVectors, ...edges, ...updates]),
);
