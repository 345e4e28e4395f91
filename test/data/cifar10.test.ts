import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cifar10 } from "../../src/data/cifar10.js";
import type { ReadFile } from "../../src/data/directory.js";
import { directory } from "../../src/data/directory.js";

const NAMES = "airplane automobile bird cat deer dog frog horse ship truck".split(" ");
const FILE_BYTES = 30_730_000;

/** Record r of file f has label (r + f) % 10; plane c of pixel p is (p + 50 c + r + f) % 251. */
function batchFile(f: number, records = 10_000): Uint8Array {
  const data = new Uint8Array(records * 3073);
  for (const r of [0, 1, 4_321, 9_999]) {
    if (r >= records) continue;
    data[r * 3073] = (r + f) % 10;
    for (let c = 0; c < 3; c++) {
      for (let p = 0; p < 1024; p++) {
        data[r * 3073 + 1 + c * 1024 + p] = (p + 50 * c + r + f) % 251;
      }
    }
  }
  return data;
}

function files(overrides: Record<string, Uint8Array> = {}): ReadFile {
  return async (name) => {
    const given = overrides[name];
    if (given !== undefined) return given;
    if (name === "batches.meta.txt") return new TextEncoder().encode(`${NAMES.join("\n")}\n\n`);
    const batch = /^data_batch_([1-5])\.bin$/.exec(name);
    if (batch !== null) return batchFile(Number(batch[1]));
    if (name === "test_batch.bin") return batchFile(6);
    throw new Error(`no such file: ${name}`);
  };
}

describe("cifar10", () => {
  it("reads planes into NHWC pixels, files in order", async () => {
    const { train, test } = await cifar10(files());
    expect(train.labels.length).toBe(50_000);
    expect(test.labels.length).toBe(10_000);
    expect(train.classes).toEqual(NAMES);
    for (const [f, r] of [
      [1, 1],
      [3, 4_321],
      [5, 9_999],
    ] as const) {
      const image = (f - 1) * 10_000 + r;
      expect(train.labels[image]).toBe((r + f) % 10);
      for (const [y, x, c] of [
        [0, 0, 0],
        [3, 17, 1],
        [31, 30, 2],
      ] as const) {
        const pixel = y * 32 + x;
        expect(train.images[image * 3072 + pixel * 3 + c]).toBe((pixel + 50 * c + r + f) % 251);
      }
    }
    expect(test.labels[4_321]).toBe(7);
    expect(train.mean).toEqual([0.4914, 0.4822, 0.4465]);
    expect(train.std).toEqual([0.247, 0.243, 0.261]);
  });

  it("names the file that is short, foreign or missing", async () => {
    await expect(cifar10(files({ "data_batch_3.bin": batchFile(3, 9_999) }))).rejects.toThrow(
      `data_batch_3.bin has ${FILE_BYTES - 3073} bytes, expected ${FILE_BYTES}`,
    );
    const foreign = batchFile(2);
    foreign[7 * 3073] = 10;
    await expect(cifar10(files({ "data_batch_2.bin": foreign }))).rejects.toThrow(
      /record 7 of data_batch_2.bin has label 10/,
    );
    const meta = new TextEncoder().encode("cat\ndog\n");
    await expect(cifar10(files({ "batches.meta.txt": meta }))).rejects.toThrow(/2 class names/);
    const folder = await mkdtemp(join(tmpdir(), "cifar-"));
    try {
      await writeFile(join(folder, "batches.meta.txt"), NAMES.join("\n"));
      await expect(cifar10(directory(folder))).rejects.toThrow(
        /cannot read data_batch_1.bin .*ENOENT.*unpacked cifar-10-binary.tar.gz/,
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
