import { describe, expect, it } from "vitest";
import { checkGradients } from "../../src/autograd/check.js";
import { gradients, tracked } from "../../src/autograd/tape.js";
import { openCpuDevice } from "../../src/device/cpu/open.js";
import type { Device } from "../../src/device/device.js";
import { mul, sum } from "../../src/ops/index.js";
import { tensor } from "../../src/tensor/create.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { expectClose, maxRelative } from "../support/compare.js";
import { describeOnDevices, useDevice } from "../support/devices.js";
import { readFixture, unpack } from "../support/fixtures.js";
import { integers, product, uniform } from "../support/random.js";
import { opCases } from "./op-cases.js";

type Input = { shape: number[]; low: number; high: number } | { shape: number[]; bound: number };

interface Fixture {
  inputs: Input[];
  shape: number[];
  out: string;
  grads: (string | null)[];
}

/** What PyTorch computes in float64: test/fixtures/ops.py. */
const { cases } = readFixture("ops.json") as { cases: Record<string, Fixture> };
const all = Object.entries(cases).map(([name, fixture]) => ({ name, ...fixture }));

function operands(device: Device, inputs: readonly Input[]): Tensor[] {
  return inputs.map((input, i) => {
    const length = product(input.shape);
    if ("bound" in input) {
      return tensor(device, integers(i + 1, length, input.bound), input.shape, "u32");
    }
    return tensor(device, uniform(i + 1, length, input.low, input.high), input.shape);
  });
}

const opOf = (name: string): ((x: readonly Tensor[]) => Tensor) => {
  const op = opCases[name];
  if (!op) throw new Error(`no op is given for the fixture "${name}"`);
  return ([...x]) => op(...(x as [Tensor, Tensor, Tensor]));
};

/** The sum of the result, its elements weighed unequally, so that a misplaced gradient shows. */
function weighed(y: Tensor): Tensor {
  const weights = uniform(99, y.size, 0.5, 1.5);
  return sum(mul(y, tensor(y.device, weights, y.shape)));
}

it("every op case has its fixture", () => {
  expect(Object.keys(opCases).sort()).toEqual(Object.keys(cases).sort());
});

describeOnDevices("ops as PyTorch computes them", (device) => {
  it.each(all)("$name", async ({ name, inputs, shape, out, grads }) => {
    using _ = device().scope();
    const x = operands(device(), inputs);
    for (const [i, t] of x.entries()) if (grads[i]) t.withGrad();
    const y = opOf(name)(x);
    expect(y.shape).toEqual(shape);
    const wanted = x.filter((_, i) => grads[i]);
    expect(tracked(y)).toBe(wanted.length > 0);
    const found = wanted.length > 0 ? gradients(weighed(y), wanted) : [];
    const value = y.dtype === "u32" ? y.readIntegers() : y.read();
    const slopes = await Promise.all(found.map((g) => g.read()));
    expectClose(name, Float64Array.from(await value), unpack(out), maxRelative);
    const expected = grads.filter((g) => g !== null);
    slopes.forEach((slope, i) => {
      const want = unpack(expected[i] ?? "");
      expectClose(`${name}, gradient ${i}`, Float64Array.from(slope), want, maxRelative);
    });
  });
});

describe("gradients of ops against finite differences", () => {
  const device = useDevice(openCpuDevice);
  const smooth = all.filter(({ grads }) => grads.some((g) => g !== null));
  it.each(smooth)("$name", async ({ name, inputs, grads }) => {
    const x = operands(device(), inputs);
    const moved = x.filter((_, i) => grads[i]);
    const result = await checkGradients(() => weighed(opOf(name)(x)), moved, { samples: 5 });
    expect(result.maxError, JSON.stringify(result.worst)).toBeLessThan(5e-3);
  });
});
