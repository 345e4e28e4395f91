import { describe, expect, it } from "vitest";
import { imageAt } from "../../src/data/image-set.js";
import { BatchLoader } from "../../src/data/loader.js";
import { tinySet } from "./tiny-set.js";

const orderOf = (loader: BatchLoader, epoch: number, skip = 0) =>
  Array.from(loader.epoch(epoch, skip), (batch) => [...batch.indices]).flat();

describe("BatchLoader", () => {
  it("gives every image once an epoch, with its pixels and label", () => {
    const set = tinySet(23);
    const loader = new BatchLoader(set, { batchSize: 5, seed: 2 });
    expect(loader.length).toBe(5);
    const sizes: number[] = [];
    const seen = new Set<number>();
    for (const batch of loader.epoch(0)) {
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

  it("orders each epoch by seed and epoch alone, and can start inside one", () => {
    const loader = new BatchLoader(tinySet(23), { batchSize: 5, seed: 2 });
    const again = new BatchLoader(tinySet(23), { batchSize: 5, seed: 2 });
    orderOf(again, 0);
    expect(orderOf(again, 1)).toEqual(orderOf(loader, 1));
    expect(orderOf(loader, 0)).not.toEqual(orderOf(loader, 1));
    expect(orderOf(loader, 0)).not.toEqual(
      orderOf(new BatchLoader(tinySet(23), { batchSize: 5, seed: 3 }), 0),
    );
    expect(orderOf(loader, 1, 3)).toEqual(orderOf(loader, 1).slice(15));
  });

  it("keeps the set's order or drops the last batch when told to", () => {
    const loader = new BatchLoader(tinySet(23), {
      batchSize: 5,
      seed: 2,
      shuffle: false,
      dropLast: true,
    });
    expect(loader.length).toBe(4);
    expect(orderOf(loader, 7)).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  it("leaves a batch alone while the next one is filled, and uses two batches of memory", () => {
    const batches = new BatchLoader(tinySet(23), { batchSize: 5, seed: 2 }).epoch(0);
    const first = batches.next().value;
    const before = first?.images.slice();
    const second = batches.next().value;
    expect(first?.images).toEqual(before);
    expect(second?.images).not.toBe(first?.images);
    expect(batches.next().value?.images).toBe(first?.images);
  });

  it("refuses batch sizes that give no batch", () => {
    expect(() => new BatchLoader(tinySet(4), { batchSize: 0, seed: 1 })).toThrow(/got 0/);
    expect(() => new BatchLoader(tinySet(4), { batchSize: 5, seed: 1, dropLast: true })).toThrow(
      /4 images, not one batch of 5/,
    );
  });
});
