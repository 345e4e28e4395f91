import { expect, it } from "vitest";
import { backward } from "../../src/autograd/tape.js";
import type { Device } from "../../src/device/device.js";
import { ReleasedError } from "../../src/device/errors.js";
import { mul, tanh } from "../../src/ops/elementwise.js";
import { matmul } from "../../src/ops/matmul.js";
import { mean } from "../../src/ops/reduce.js";
import { tensor } from "../../src/tensor/create.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { describeOnDevices } from "../support/devices.js";
import { values } from "../support/values.js";

const width = 67;

/** A network's value and gradient for `rows` inputs, both kept. */
function recorded(device: Device, rows: number, weight: Tensor) {
  const x = tensor(device, values([rows, width], rows), [rows, width]);
  let results: Tensor[] = [];
  const recording = device.capture(() => {
    using _ = device.scope();
    const hidden = tanh(matmul(x, weight));
    const out = mean(mul(hidden, hidden), [1]).keep();
    backward(mean(out), { release: true });
    results = [out, (weight.grad as Tensor).keep()];
  });
  return { recording, results };
}

const read = (tensors: readonly Tensor[]) => Promise.all(tensors.map((t) => t.read()));

describeOnDevices("recordings", (device) => {
  const weights = (): Tensor =>
    tensor(device(), values([width, width], 3, -0.2, 0.2), [width, width]).withGrad();

  it("compute on the same memory, one after the other, and keep their results apart", async () => {
    using _ = device().scope();
    const { counters } = device();
    const [one, two] = [weights(), weights()];
    const large = recorded(device(), 129, one);
    const reserved = counters.bytesReserved;
    const small = recorded(device(), 35, two);
    // The input and the results of the second one, and nothing else.
    const own = 4 * (35 * width + 35 + width * width);
    expect(counters.bytesReserved - reserved).toBeLessThan(1.3 * own + 1024);

    large.recording.replay();
    const expected = await read(large.results);
    small.recording.replay();
    const smaller = await read(small.results);
    for (let i = 0; i < 3; i++) {
      large.recording.replay();
      small.recording.replay();
      small.recording.replay();
      large.recording.replay();
      expect(await read(small.results)).toEqual(smaller);
      expect(await read(large.results)).toEqual(expected);
    }
    expect(smaller[0]).toHaveLength(35);
    expect(smaller[1]).not.toEqual(expected[1]);
    small.recording.release();
    large.recording.replay();
    expect(await read(large.results)).toEqual(expected);
    large.recording.release();
  });

  it("leave alone what the host writes between replays into memory made inside", async () => {
    using _ = device().scope();
    let state: Tensor | undefined;
    let total: Tensor | undefined;
    const make = (count: number) =>
      device().capture(() => {
        using _scope = device().scope();
        // Temporaries of every size that is asked for later.
        for (let i = 0; i < 3; i++) tanh(tanh(square(count)));
        state = square(count).keep();
        total = mul(state, state).keep();
      });
    const square = (count: number): Tensor => mul(input[count] as Tensor, input[count] as Tensor);
    const input: Record<number, Tensor> = {
      257: tensor(device(), values([257], 1)),
      200: tensor(device(), values([200], 2)),
    };
    const first = make(257);
    const [a, b] = [state as Tensor, total as Tensor];
    const second = make(200);
    const [c, d] = [state as Tensor, total as Tensor];
    first.replay();
    second.replay();
    const before = await read([a, b, c, d]);
    a.write(values([257], 9));
    second.replay();
    expect(await a.read()).toEqual(values([257], 9));
    expect(await read([b, c, d])).toEqual(before.slice(1));
    first.replay();
    expect(await read([a, b, c, d])).toEqual(before);
    for (const recording of [first, second]) recording.release();
  });

  it("hold commands only: nothing is read, awaited or replayed while they are made", async () => {
    using _ = device().scope();
    const x = tensor(device(), values([5], 1));
    const replayed = device().capture(() => tanh(x).keep());
    const inside: Promise<unknown>[] = [];
    const recording = device().capture(() => {
      inside.push(x.read(), device().finish());
      expect(() => replayed.replay()).toThrow(/replay inside capture/);
      expect(() => device().capture(() => {})).toThrow(/capture inside capture/);
    });
    for (const wait of inside) await expect(wait).rejects.toThrow(/inside capture/);
    expect(await x.read()).toEqual(values([5], 1));
    for (const made of [recording, replayed]) made.release();
  });

  it("refuse to run when a tensor that they read or write is no more", async () => {
    using _ = device().scope();
    const weight = weights();
    const { recording, results } = recorded(device(), 7, weight);
    recording.replay();
    await read(results);
    weight.release();
    const bystander = tensor(device(), values([width, width], 5), [width, width]);
    expect(() => recording.replay()).toThrow(ReleasedError);
    expect(await bystander.read()).toEqual(values([width, width], 5));
    recording.release();
  });
});
