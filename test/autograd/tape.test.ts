import { expect, it } from "vitest";
import { backward, gradients, noGrad } from "../../src/autograd/tape.js";
import { add, affine, mul } from "../../src/ops/elementwise.js";
import { reshape } from "../../src/ops/layout.js";
import { sum } from "../../src/ops/reduce.js";
import { tensor } from "../../src/tensor/create.js";
import { describeOnDevices } from "../support/devices.js";

describeOnDevices("the tape", (device) => {
  it("leaves the gradient in every leaf that the last backward reached", async () => {
    using _ = device().scope();
    const x = tensor(device(), [1, 2, 3]).withGrad();
    const y = tensor(device(), [4, 5, 6]).withGrad();
    backward(sum(mul(x, y)));
    expect(Array.from((await x.grad?.read()) ?? [])).toEqual([4, 5, 6]);
    backward(sum(affine(x, 7)));
    expect(Array.from((await x.grad?.read()) ?? [])).toEqual([7, 7, 7]);
    expect(y.grad).toBeUndefined();
    backward(sum(affine(y, 2)), { accumulate: true });
    expect(Array.from((await x.grad?.read()) ?? [])).toEqual([7, 7, 7]);
    expect(Array.from((await y.grad?.read()) ?? [])).toEqual([2, 2, 2]);
  });

  it("accumulates when asked", async () => {
    using _ = device().scope();
    const x = tensor(device(), [1, 2, 3]).withGrad();
    backward(sum(mul(x, x)));
    backward(sum(mul(x, x)), { accumulate: true });
    expect(Array.from((await x.grad?.read()) ?? [])).toEqual([4, 8, 12]);
  });

  it("sums over all paths, through views, with early release of inner results", async () => {
    using _ = device().scope();
    const x = tensor(device(), [1, -2, 3, 5], [2, 2]).withGrad();
    const flat = reshape(x, [4]);
    const inner = add(mul(flat, flat), flat);
    const loss = sum(add(inner, reshape(mul(inner, inner), [4]))).keep();
    backward(loss, { release: true });
    // d/dx of z + z^2 with z = x^2 + x: (1 + 2z)(2x + 1).
    const expected = [1, -2, 3, 5].map((v) => (1 + 2 * (v * v + v)) * (2 * v + 1));
    expect(Array.from((await x.grad?.read()) ?? [])).toEqual(expected);
    expect(inner.live).toBe(false);
    expect(x.live).toBe(true);
    expect(await loss.item()).toBe(
      [1, -2, 3, 5].reduce((s, v) => s + (v * v + v) * (v * v + v + 1), 0),
    );
    loss.release();
  });

  it("records nothing in noGrad regions and nothing below detach", () => {
    using _ = device().scope();
    const x = tensor(device(), [1, 2]).withGrad();
    expect(noGrad(() => mul(x, x)).node).toBeUndefined();
    expect(mul(x.detach(), x.detach()).node).toBeUndefined();
    expect(mul(x, x).node?.name).toBe("mul");
  });

  it("gives gradients with respect to inputs and inner tensors without touching grad", async () => {
    using _ = device().scope();
    const x = tensor(device(), [1, 2, 3]).withGrad();
    const inner = mul(x, x);
    const [dx, dinner] = gradients(sum(mul(inner, inner)), [x, inner]);
    expect(Array.from((await dx?.read()) ?? [])).toEqual([4, 32, 108]);
    expect(Array.from((await dinner?.read()) ?? [])).toEqual([2, 8, 18]);
    expect(x.grad).toBeUndefined();
  });

  it("refuses a loss that is no scalar or depends on nothing", () => {
    using _ = device().scope();
    const x = tensor(device(), [1, 2, 3]);
    expect(() => backward(mul(x.withGrad(), x))).toThrow(/scalar loss.*\[3\]/);
    const free = tensor(device(), [1, 2, 3]);
    expect(() => backward(sum(free))).toThrow(/depends on nothing/);
    expect(() => gradients(sum(x), [free])).toThrow(/does not depend on input 0/);
  });
});
