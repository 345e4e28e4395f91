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
/** Samples after the first, of which the fastest counts. */
const runs = 9;
/**
 * How long a sample on a graphics card lasts at least: a copy takes less than the wait for
 * its end, so many are queued. On processors one is enough.
 */
const leastMs = 20;

/** Measures a device's peaks: about a second on a processor. The fastest of ten samples counts. */
export async function measurePeaks(device: Device): Promise<Peaks> {
  return { gflops: await arithmetic(device), gbytes: await copying(device) };
}

async function arithmetic(device: Device): Promise<number> {
  // Enough for every thread there is, and long beside what a dispatch costs.
  const [length, rounds] = onProcessor(device) ? [2 ** 17, 1000] : [2 ** 21, 50_000];
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

const onProcessor = ({ info, kind }: Device): boolean => info.software || kind === "cpu";

async function fastest(device: Device, run: () => void): Promise<number> {
  const measure = async (times: number): Promise<number> => {
    await device.finish();
    const start = performance.now();
    for (let i = 0; i < times; i++) run();
    await device.finish();
    return (performance.now() - start) / times;
  };
  await measure(1); // compiles
  let best = await measure(1);
  const times = onProcessor(device) ? 1 : Math.ceil(leastMs / best);
  for (let i = 0; i < runs; i++) best = Math.min(best, await measure(times));
  return best;
}
