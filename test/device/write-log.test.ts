import { describe, expect, test } from "vitest";
import { type KernelName, kernels } from "../../src/device/kernels.js";
import { WriteLog } from "../../src/device/write-log.js";
import { kernelBounds } from "../../src/kernel-check/bounds.js";
import { Philox } from "../../src/tensor/random.js";

describe("what was written when", () => {
  test("is known byte for byte, as a list of all writes tells it", () => {
    const random = new Philox(3);
    for (let trial = 0; trial < 40; trial++) {
      const log = new WriteLog();
      const last = new Array<number>(20).fill(0);
      for (let at = 1; at <= 30; at++) {
        const from = random.integer(19);
        const to = from + 1 + random.integer(19 - from + 1);
        log.note(from, to, at);
        last.fill(at, from, to);
        const [a, b] = [random.integer(19), random.integer(30)];
        const z = a + 1 + random.integer(19 - a + 1);
        expect(log.since(a, z, b)).toBe(last.slice(a, z).some((t) => t > b));
      }
    }
  });

  test("does not grow with the number of writes", () => {
    const log = new WriteLog();
    for (let at = 1; at <= 1000; at++) {
      for (let part = 0; part < 7; part++) log.note(part * 10, part * 10 + 9, at);
      log.note(0, 70, at);
    }
    expect(log.parts().length).toBeLessThanOrEqual(8);
  });

  test("leaves out the writes of one origin, unless another wrote there since", () => {
    const log = new WriteLog();
    const [mine, other] = [{}, {}];
    log.note(0, 8, 5, mine);
    expect([log.since(4, 8, 4), log.since(4, 8, 4, mine)]).toEqual([true, false]);
    log.note(0, 4, 6, other);
    expect([log.since(0, 8, 4, mine), log.since(4, 8, 4, mine)]).toEqual([true, false]);
  });
});

test("every kernel's results are what it is known to write", () => {
  const names = Object.keys(kernels) as KernelName[];
  const results = names.map((kernel) => [kernel, Object.keys(kernelBounds(kernel)).sort()]);
  const known = names.map((kernel) => [kernel, [...kernels[kernel].writes].sort()]);
  expect(Object.fromEntries(known)).toEqual(Object.fromEntries(results));
});
