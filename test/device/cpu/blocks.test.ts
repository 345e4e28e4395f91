import { describe, expect, test } from "vitest";
import { Blocks } from "../../../src/device/cpu/blocks.js";
import { LinearMemory } from "../../../src/device/cpu/memory.js";

describe("Blocks", () => {
  test("a queue that is always some steps behind needs no new memory", () => {
    const memory = new LinearMemory(false, 64 * 2 ** 20);
    const blocks = new Blocks(memory, 1000);
    const sizes = [393_216, 512, 16];
    const behind = 2;
    let highest = 0;
    let early = 0;
    for (let step = 0; step < 1000; step++) {
      const staged = sizes.map((bytes) => {
        const address = blocks.allocate(bytes, (fence) => fence <= step - behind);
        if (address === null) throw new Error(`no memory left at step ${step}`);
        highest = Math.max(highest, address + bytes);
        return { address, bytes };
      });
      for (const { address, bytes } of staged) blocks.free(address, bytes, step + 1);
      if (step === 10) early = highest;
    }
    expect(highest).toBe(early);
    expect(highest).toBeLessThan(6 * 393_216);
  });

  test("joins neighbours once both may be used, so that a larger span fits again", () => {
    const blocks = new Blocks(new LinearMemory(false, 2 ** 20), 0);
    const [a, b] = [blocks.allocate(1024), blocks.allocate(1024)];
    const last = blocks.allocate(256);
    if (a === null || b === null || last === null) throw new Error("no memory");
    blocks.free(a, 1024, 1);
    blocks.free(b, 1024, 2);
    expect(blocks.allocate(2048, (fence) => fence <= 1)).toBeGreaterThan(last);
    expect(blocks.allocate(2048, (fence) => fence <= 2)).toBe(a);
  });
});

test("a tensor joins no span that the host may use with one that it may not, unless it must", () => {
  const blocks = new Blocks(new LinearMemory(false, 65536 * 8), 0);
  const addresses = [1, 2, 3].map(() => blocks.allocate(1024) ?? Number.NaN);
  for (const [i, fence] of [1, 2, 2].entries()) blocks.free(addresses[i] ?? 0, 1024, fence);
  expect(blocks.allocate(512)).toBe(addresses[0]);
  const done = (fence: number): boolean => fence <= 1;
  expect(blocks.allocate(512, done)).toBe((addresses[0] ?? 0) + 512);
  expect(blocks.allocate(2048)).toBe(addresses[1]);
});
