import type { Device } from "./device.js";
import type { Slice } from "./storage.js";

/** What a device gives at most, by measuring it. */
export interface Peaks {
  /** Multiply-adds on registers, two operations each, in 10^9 a second. */
  readonly gflops: number;
  /** Copying a block far larger than the caches, bytes read and written, in 10^9 a second. */
  readonly gbytes: number;
}

/** The block that is copied, and its twin. */
const copyBytes = 128 * 2 ** 20;
const runs = 9;

/** Measures a device's peaks: about a second on a processor. The fastest of nine runs counts. */
export async function measurePeaks(device: Device): Promise<Peaks> {
  return { gflops: await arithmetic(device), gbytes: await copying(device) };
}

async function arithmetic(device: Device): Promise<number> {
  // Enough for every thread there is, and long beside what a dispatch costs.
  const processor = device.info.software || device.kind === "cpu";
  const [length, rounds] = processor ? [2 ** 17, 1000] : [2 ** 21, 50_000];
  const out = block(device, length, 1);
  const ms = await fastest(device, () => device.run("multiplyAdd", { out, rounds }));
  device.release(out.storage);
  return (2 * length * rounds) / ms / 1e6;
}

async function copying(device: Device): Promise<number> {
  const length = Math.min(copyBytes, device.maxStorageBytes) / 4;
  const src = block(device, length, 0.5);
  const dst = block(device, length, 0);
  const ms = await fastest(device, () => device.run("copy", { src, dst }));
  device.release(src.storage);
  device.release(dst.storage);
  return (2 * 4 * length) / ms / 1e6;
}

/** A kept slice; filled, so that its pages are there. */
function block(device: Device, length: number, value: number): Slice {
  const storage = device.allocate(4 * length, "a block to measure with");
  device.keep(storage);
  const slice = { storage, offset: 0, length };
  device.run("fill", { dst: slice, value });
  return slice;
}

async function fastest(device: Device, run: () => void): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < runs; i++) {
    await device.finish();
    const start = performance.now();
    run();
    await device.finish();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}
