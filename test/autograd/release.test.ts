import { expect, it } from "vitest";
import { backward, gradients } from "../../src/autograd/tape.js";
import { ReleasedError } from "../../src/device/errors.js";
import { add, affine, mul, square } from "../../src/ops/elementwise.js";
import { reshape } from "../../src/ops/layout.js";
import { sum } from "../../src/ops/reduce.js";
import { tensor } from "../../src/tensor/create.js";
import { describeOnDevices } from "../support/devices.js";
import { floats } from "../support/floats.js";

describeOnDevices("backward with release", (device) => {
  const leaf = (values: readonly number[], shape = [values.length]) =>
    tensor(device(), values, shape).withGrad();

  it("is right where a detached value also stands elsewhere in the graph", async () => {
    using _ = device().scope();
    const u = leaf([1, 2, 3, 4]);
    const y = affine(u, 1);
    const loss = add(sum(mul(square(u), y.detach())), affine(sum(square(y)), 0));
    backward(loss, { release: true });
    expect(await floats(u.grad)).toEqual([2, 8, 18, 32]);
  });

  it.each([false, true])(
    "is right with views and detached views of views, release %s",
    async (release) => {
      using _ = device().scope();
      const u = leaf([1, -2, 3, 0.5, 2, -1], [2, 3]);
      const y = affine(u, 2, 1);
      const view = reshape(reshape(y, [6]), [3, 2]);
      const aside = reshape(view.detach(), [2, 3]);
      // With c = y: d/du of sum(c u) + sum(c y) + sum(y^2) is c + 2 c + 4 y.
      const loss = add(add(sum(mul(aside, u)), sum(mul(view.detach(), view))), sum(square(y)));
      backward(loss, { release });
      const expected = [1, -2, 3, 0.5, 2, -1].map((v) => 7 * (2 * v + 1));
      expect(await floats(u.grad)).toEqual(expected);
      expect(y.live).toBe(!release);
    },
  );

  it("leaves what another graph or the caller made alone, and what was kept", async () => {
    using _ = device().scope();
    const u = leaf([1, 2, 3]);
    const mine = tensor(device(), [2, 3, 4]);
    const kept = mul(u, mine).keep();
    const loss = sum(square(add(kept, mine)));
    backward(loss, { release: true });
    expect(await floats(u.grad)).toEqual([16, 54, 128]);
    expect(await floats(mine)).toEqual([2, 3, 4]);
    expect(await floats(kept)).toEqual([2, 6, 12]);
    kept.release();
  });

  it("gives ReleasedError for what it released, in ops, reads, views and detached copies", async () => {
    using _ = device().scope();
    const u = leaf([1, 2, 3]);
    const y = square(u);
    const alias = y.detach();
    backward(sum(mul(y, y)), { release: true });
    const others = Array.from({ length: 8 }, (_, i) => tensor(device(), [100 + i, 200, 300]));
    for (const use of [
      () => mul(alias, u),
      () => reshape(alias, [3, 1]),
      () => sum(y),
      () => alias.keep(),
      () => alias.write([1, 2, 3]),
    ]) {
      expect(use).toThrow(ReleasedError);
      expect(use).toThrow(/^\w+: a tensor of shape \[3\] \("square \[3\]"\) was released before/);
    }
    await expect(alias.read()).rejects.toThrow(ReleasedError);
    expect(others.every((x) => x.live)).toBe(true);
  });

  it("refuses a second pass through what it went through, and names the first op", async () => {
    using _ = device().scope();
    const u = leaf([1, 2, 3]);
    const inner = square(u).keep();
    const loss = sum(mul(inner, inner)).keep();
    const other = sum(mul(inner, u)).keep();
    backward(loss, { release: true });
    for (const again of [
      () => backward(loss),
      () => backward(loss, { release: true }),
      () => gradients(loss, [u]),
      () => backward(other),
    ]) {
      expect(again).toThrow(ReleasedError);
      expect(again).toThrow(/leave release out of the first/);
    }
    expect(await floats(u.grad)).toEqual([4, 32, 108]);
    for (const t of [inner, loss, other]) t.release();
  });

  it("refuses another loss whose graph used what it released", () => {
    using _ = device().scope();
    const u = leaf([1, 2, 3]);
    const shared = square(u);
    const first = sum(mul(shared, u));
    const second = sum(square(shared.detach().withGrad()));
    backward(first, { release: true });
    expect(() => backward(second)).toThrow(ReleasedError);
    expect(() => backward(second)).toThrow(
      /square needs a tensor of shape \[3\] \("square \[3\]"\), which was released after/,
    );
  });

  it("allows several losses and passes over one graph until one releases", async () => {
    using _ = device().scope();
    const u = leaf([1, 2, 3]);
    const y = square(u);
    const losses = [sum(y), sum(mul(y, u)), sum(square(y))];
    backward(losses[0] as (typeof losses)[0]);
    backward(losses[1] as (typeof losses)[0], { accumulate: true });
    const [alone] = gradients(losses[2] as (typeof losses)[0], [y]);
    backward(losses[2] as (typeof losses)[0], { accumulate: true, release: true });
    // 2u + 3u^2 + 4u^3
    expect(await floats(u.grad)).toEqual([9, 48, 141]);
    expect(await floats(alone)).toEqual([2, 8, 18]);
  });
});
