import { describe, expect, it } from "vitest";
import { ReleasedError } from "../../src/device/errors.js";
import { openDevice } from "../../src/device/open.js";
import { mul } from "../../src/ops/elementwise.js";
import { permute, reshape } from "../../src/ops/layout.js";
import { tensor } from "../../src/tensor/create.js";
import { BatchInput } from "../../src/training/batch-input.js";
import { describeOnDevices, useDevice } from "../support/devices.js";
import { floats } from "../support/floats.js";
import { tinySet } from "../support/tiny.js";

describeOnDevices("a tensor", (device) => {
  it("is released once: never the next owner of its block", async () => {
    const first = tensor(device(), [1, 2, 3]);
    const view = reshape(first, [3, 1]);
    first.release();
    const next = tensor(device(), [4, 5, 6]);
    expect(next.slice.storage.id).toBe(first.slice.storage.id);
    for (const use of [
      () => first.release(),
      () => view.release(),
      () => device().release(first.slice.storage),
      () => first.keep(),
      () => view.keep(),
      () => first.write([7, 7, 7]),
      () => device().write(first.slice, Float32Array.of(7, 7, 7)),
      () => device().run("fill", { dst: view.slice, value: 7 }),
      () => mul(first, next),
      () => reshape(first, [1, 3]),
      () => permute(view, [1, 0]),
    ]) {
      expect(use).toThrow(ReleasedError);
    }
    await expect(first.read()).rejects.toThrow(ReleasedError);
    await expect(device().read(first.slice)).rejects.toThrow(ReleasedError);
    expect(() => mul(next, first)).toThrow(/^mul: a tensor of shape \[3\] \("tensor \[3\]"\) was/);
    expect(await floats(next)).toEqual([4, 5, 6]);
    next.release();
  });

  it("is not revived by keep after its scope", () => {
    const scope = device().scope();
    const x = tensor(device(), [1, 2, 3]);
    scope[Symbol.dispose]();
    using _ = device().scope();
    const next = tensor(device(), [4, 5, 6]);
    expect(() => x.keep()).toThrow(ReleasedError);
    expect(next.slice.storage.kept).toBe(false);
  });
});

describe("what owns device memory", () => {
  const device = useDevice(() => openDevice({ kind: "cpu" }));

  it("is released once: the input of batches", () => {
    const input = new BatchInput(device(), tinySet(5, 1), 5);
    input.release();
    const next = new BatchInput(device(), tinySet(5, 1), 5);
    expect(() => input.release()).toThrow(ReleasedError);
    expect(next.labels.live).toBe(true);
    next.release();
  });
});
