import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { backward } from "../../src/autograd/tape.js";
import { ShapeError } from "../../src/device/errors.js";
import { mul } from "../../src/ops/elementwise.js";
import { groupNorm, type LayerNormOptions, layerNorm } from "../../src/ops/layer-norm.js";
import { sum } from "../../src/ops/reduce.js";
import { empty, tensor } from "../../src/tensor/create.js";
import type { Shape } from "../../src/tensor/shape.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { expectClose, normRelative } from "../support/compare.js";
import { describeOnDevices } from "../support/devices.js";
import { unpack } from "../support/fixtures.js";
import { product, uniform } from "../support/random.js";

interface NormFixture {
  shape: number[];
  groups: number;
  affine: boolean;
  eps: number;
  centre: number;
  out: string;
  gradients: string[];
}

const { norms } = JSON.parse(
  readFileSync(new URL("../fixtures/norms.json", import.meta.url), "utf8"),
) as { norms: NormFixture[] };

const wide = (values: Float32Array): Float64Array => Float64Array.from(values);

describeOnDevices("layer norm and group norm", (device) => {
  it.each(norms)("are PyTorch's: $shape in $groups groups, eps $eps, at $centre", async (want) => {
    using _ = device().scope();
    const { shape, groups, affine, eps, centre } = want;
    const drawn = (seed: number, of: Shape, low?: number, high?: number): Tensor =>
      tensor(device(), uniform(seed, product(of), low, high), of);
    const channels = [shape.at(-1) ?? 0];
    const x = drawn(1, shape, centre - 1.5, centre + 1.5).withGrad();
    const [gamma, beta] = [drawn(2, channels, 0.5, 2).withGrad(), drawn(3, channels).withGrad()];
    const options = { eps, ...(affine && { gamma, beta }) };
    const out = groups ? groupNorm(x, groups, options) : layerNorm(x, options);
    backward(sum(mul(out, drawn(4, shape))));
    expectClose("out", wide(await out.read()), unpack(want.out), normRelative);
    const leaves = affine ? [x, gamma, beta] : [x];
    expect(want.gradients).toHaveLength(leaves.length);
    for (const [i, leaf] of leaves.entries()) {
      const found = wide((await leaf.grad?.read()) ?? new Float32Array(0));
      expectClose(`gradient ${i}`, found, unpack(want.gradients[i] ?? ""), normRelative);
    }
  });

  it("give each gradient alone as with the others", async () => {
    using _ = device().scope();
    const shape = [4, 3, 6];
    const gradientsOf = async (wanted: readonly string[]) => {
      const leaves = {
        x: tensor(device(), uniform(1, 72), shape),
        gamma: tensor(device(), uniform(2, 6)),
        beta: tensor(device(), uniform(3, 6)),
      };
      for (const name of wanted) leaves[name as keyof typeof leaves].withGrad();
      const { x, ...affine } = leaves;
      backward(sum(mul(groupNorm(x, 2, affine), tensor(device(), uniform(4, 72), shape))));
      const all = Object.values(leaves).map((leaf) => leaf.grad?.read());
      return Promise.all(all);
    };
    const all = await gradientsOf(["x", "gamma", "beta"]);
    for (const [i, name] of ["x", "gamma", "beta"].entries()) {
      const alone = await gradientsOf([name]);
      expect(alone[i]).toEqual(all[i]);
      expect(alone.filter((found) => found !== undefined)).toHaveLength(1);
    }
  });

  it("have nothing to do for nothing", async () => {
    using _ = device().scope();
    for (const shape of [
      [0, 5],
      [3, 0],
    ]) {
      const x = empty(device(), shape).withGrad();
      const channels = tensor(device(), uniform(1, shape[1] ?? 0)).withGrad();
      const y = layerNorm(x, { gamma: channels });
      expect(y.shape).toEqual(shape);
      backward(sum(y));
      expect(await channels.grad?.read()).toEqual(new Float32Array(shape[1] ?? 0));
    }
  });

  const five = (): LayerNormOptions => ({ gamma: tensor(device(), [1, 2, 3, 4, 5]) });
  it.each<[string, () => Tensor, RegExp]>([
    ["a scalar", () => layerNorm(tensor(device(), [1], [])), /must be \[\.\.\., channels\].*\[\]/],
    [
      "a scale of another size",
      () => layerNorm(empty(device(), [3, 7]), five()),
      /layerNorm: gamma \[5\] must be \[7\] for x \[3, 7\]/,
    ],
    ["a negative eps", () => layerNorm(empty(device(), [3, 7]), { eps: -1 }), /eps .* not -1/],
    [
      "groups that do not divide",
      () => groupNorm(empty(device(), [2, 3, 7]), 2),
      /2 groups do not divide the 7 channels of \[2, 3, 7\]/,
    ],
    ["no groups", () => groupNorm(empty(device(), [2, 7]), 0), /groups must be an integer/],
    ["one dimension", () => groupNorm(empty(device(), [7]), 1), /\[n, \.\.\., channels\]/],
  ])("refuse %s", (_, fault, message) => {
    using _scope = device().scope();
    expect(fault).toThrow(ShapeError);
    expect(fault).toThrow(message);
  });
});
