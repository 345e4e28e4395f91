import { describe, expect, it } from "vitest";
import { imageAt } from "../../src/data/image-set.js";
import { type Batch, BatchLoader } from "../../src/data/loader.js";
import { lazily, tinySet } from "./tiny-set.js";

async function orderOf(loader: BatchLoader, epoch: number, skip = 0): Promise<number[]> {
  const order: number[] = [];
  for await (const batch of loader.epoch(epoch, skip)) order.push(...batch.indices);
  return order;
}

describe("BatchLoader", () => {
  it("gives every image once an epoch, with its pixels and label", async () => {
    const set = tinySet(23);
    const loader = new BatchLoader(set, { batchSize: 5, seed: 2 });
    expect(loader.length).toBe(5);
    const sizes: number[] = [];
    const seen = new Set<number>();
    for await (const batch of loader.epoch(0)) {
      sizes.push(batch.count);
      // 5 images of 105 bytes are 525, padded to 528; 3 are 315, padded to 316.
      expect(batch.images.length).toBe(batch.count === 5 ? 528 : 316);
      expect(batch.images.subarray(batch.count * 105)).toEqual(
        new Uint8Array(batch.images.length - batch.count * 105),
      );
      batch.indices.forEach((index, i) => {
        seen.add(index);
        expect(batch.labels[i]).toBe(set.labels[index]);
        expect(batch.images.subarray(i * 105, (i + 1) * 105)).toEqual(imageAt(set, index));
      });
    }
    expect(sizes).toEqual([5, 5, 5, 5, 3]);
    expect(seen.size).toBe(23);
  });

  it("orders each epoch by seed and epoch alone, and can start inside one", async () => {
    const loader = new BatchLoader(tinySet(23), { batchSize: 5, seed: 2 });
    const again = new BatchLoader(tinySet(23), { batchSize: 5, seed: 2 });
    await orderOf(again, 0);
    const [first, second] = [await orderOf(loader, 0), await orderOf(loader, 1)];
    expect(await orderOf(again, 1)).toEqual(second);
    expect(first).not.toEqual(second);
    expect(first).not.toEqual(
      await orderOf(new BatchLoader(tinySet(23), { batchSize: 5, seed: 3 }), 0),
    );
    expect(await orderOf(loader, 1, 3)).toEqual(second.slice(15));
  });

  it("keeps the set's order or drops the last batch when told to", async () => {
    const loader = new BatchLoader(tinySet(23), {
      batchSize: 5,
      seed: 2,
      shuffle: false,
      dropLast: true,
    });
    expect(loader.length).toBe(4);
    expect(await orderOf(loader, 7)).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  it("leaves a batch alone until the second-next is asked for, and takes turns", async () => {
    const batches = new BatchLoader(tinySet(23), { batchSize: 5, seed: 2 }).epoch(0);
    const next = async () => (await batches.next()).value as Batch;
    const first = await next();
    const before = first.images.slice();
    const second = await next();
    expect(first.images).toEqual(before);
    expect(second.images).not.toBe(first.images);
    await next();
    expect((await next()).images).toBe(first.images);
  });

  it("reads a source one batch ahead, and gives the same batches as from memory", async () => {
    const set = tinySet(23);
    const lazy = lazily(set);
    const options = { batchSize: 5, seed: 2 };
    const fromMemory = new BatchLoader(set, options).epoch(1);
    let batch = 0;
    for await (const read of new BatchLoader(lazy.source, options).epoch(1)) {
      const expected = (await fromMemory.next()).value as Batch;
      expect(read.images).toEqual(expected.images);
      expect(read.labels).toEqual(expected.labels);
      batch++;
      expect(lazy.reads).toBe(Math.min(5, batch + 1));
    }
    expect(batch).toBe(5);
  });

  it("rejects with what reading rejects with, and only when that batch is asked for", async () => {
    const set = tinySet(12);
    const { source } = lazily(set, 2);
    const batches = new BatchLoader(source, { batchSize: 4, seed: 2, shuffle: false }).epoch(0);
    expect((await batches.next()).value?.labels).toEqual(set.labels.subarray(0, 4));
    await expect(batches.next()).rejects.toThrow("the disk is gone");
  });

  it("refuses batch sizes that give no batch", () => {
    expect(() => new BatchLoader(tinySet(4), { batchSize: 0, seed: 1 })).toThrow(/got 0/);
    expect(() => new BatchLoader(tinySet(4), { batchSize: 5, seed: 1, dropLast: true })).toThrow(
      /4 images, not one batch of 5/,
    );
  });
});
