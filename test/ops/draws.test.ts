import { expect, it } from "vitest";
import { gradients } from "../../src/autograd/tape.js";
import { ShapeError } from "../../src/device/errors.js";
import { advance, dropout, randomState, sum } from "../../src/ops/index.js";
import { arange, empty, eye, ones, tensor } from "../../src/tensor/create.js";
import { describeOnDevices } from "../support/devices.js";
import { values } from "../support/values.js";

describeOnDevices("dropout", (device) => {
  it("zeroes its share and keeps the mean; gradients pass where elements did", async () => {
    using _ = device().scope();
    const x = tensor(device(), values([101, 99], 1, 1, 2), [101, 99]).withGrad();
    const y = dropout(x, 0.3, tensor(device(), randomState(5), [4], "u32"));
    const [g] = gradients(sum(y), [x]);
    const [given, got, slope] = await Promise.all([x.read(), y.read(), g?.read()]);
    const kept = got.reduce((n, v) => n + Number(v !== 0), 0) / got.length;
    // Five standard deviations of the share of 9,999 draws.
    expect(Math.abs(kept - 0.7)).toBeLessThan(5 * Math.sqrt(0.21 / got.length));
    got.forEach((v, i) => {
      const scale = v === 0 ? 0 : 1 / 0.7;
      expect(Math.abs(v - (given[i] ?? 0) * scale)).toBeLessThan(1e-6);
      expect(Math.abs((slope?.[i] ?? -1) - scale)).toBeLessThan(1e-6);
    });
  });

  it("draws by its state: the same again, another after it is advanced, a new one each replay", async () => {
    using _ = device().scope();
    const state = tensor(device(), randomState(2 ** 32 + 7, 3, 41), [4], "u32");
    const x = ones(device(), [257]);
    const [first, again] = [dropout(x, 0.5, state), dropout(x, 0.5, state)];
    const out = empty(device(), [257]);
    const recording = device().capture(() => {
      using _inner = device().scope();
      advance(state);
      device().run("copy", { src: dropout(x, 0.5, state).slice, dst: out.slice });
    });
    const all = [await first.read(), await again.read()];
    for (let i = 0; i < 2; i++) {
      recording.replay();
      all.push(await out.read());
    }
    recording.release();
    expect(all[1]).toEqual(all[0]);
    expect(await state.readIntegers()).toEqual(randomState(2 ** 32 + 7, 3, 43));
    const eager = dropout(x, 0.5, tensor(device(), randomState(2 ** 32 + 7, 3, 43), [4], "u32"));
    expect(all[3]).toEqual(await eager.read());
    expect(new Set(all.map((draw) => draw.join())).size).toBe(3);
  });

  it("is the identity at rate 0", () => {
    using _ = device().scope();
    const x = ones(device(), [3]);
    expect(dropout(x, 0, 1)).toBe(x);
  });
});

describeOnDevices("tensors made of numbers", (device) => {
  it("count, forth and back, in floats and words", async () => {
    using _ = device().scope();
    expect([...(await arange(device(), -1, 1, 0.75).read())]).toEqual([-1, -0.25, 0.5]);
    expect([...(await arange(device(), 3, 0, -1).read())]).toEqual([3, 2, 1]);
    expect([...(await arange(device(), 2, 5, 1, "u32").readIntegers())]).toEqual([2, 3, 4]);
    expect(arange(device(), 3, 1).shape).toEqual([0]);
    expect(() => arange(device(), 0, 1, 0)).toThrow(/not finitely many steps of 0/);
    expect(() => arange(device(), -1, 1, 1, "u32")).toThrow(/from -1 to 1 by 1 .* u32/);
  });

  it("are an identity", async () => {
    using _ = device().scope();
    expect([...(await eye(device(), 2, 3).read())]).toEqual([1, 0, 0, 0, 1, 0]);
    expect(eye(device(), 2).shape).toEqual([2, 2]);
    expect(() => eye(device(), -1)).toThrow(ShapeError);
  });
});
