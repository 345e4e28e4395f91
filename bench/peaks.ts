import type { Device } from "../src/device/device.js";
import { uniform } from "../src/ops/random.js";
import { empty } from "../src/tensor/create.js";
import { time } from "./ours.js";
import { summarise } from "./statistics.js";

/** What the machine gives at most, measured in the same run as the cases. */
export interface Peaks {
  /** Multiply-adds on registers, two operations each. */
  gflops: number;
  /** Copying a block far larger than the caches: bytes read and written. */
  gbytes: number;
}

export async function measurePeaks(device: Device): Promise<Peaks> {
  return { gflops: await arithmetic(device), gbytes: await copying(device) };
}

async function arithmetic(device: Device): Promise<number> {
  const out = empty(device, [4096]).keep();
  const rounds = device.info.software || device.kind === "cpu" ? 20_000 : 200_000;
  const run = (): void => device.run("multiplyAdd", { out: out.slice, rounds });
  const best = summarise(await time(device, { run, release: () => {} }, 9)).min;
  out.release();
  return (2 * out.size * rounds) / best / 1e6;
}

async function copying(device: Device): Promise<number> {
  const count = Math.min(32 * 2 ** 20, Math.floor(device.maxStorageBytes / 4));
  const source = uniform(device, [count], 1).keep();
  const target = empty(device, [count]).keep();
  const run = (): void => device.run("copy", { src: source.slice, dst: target.slice });
  const best = summarise(await time(device, { run, release: () => {} }, 9)).min;
  source.release();
  target.release();
  return (2 * 4 * count) / best / 1e6;
}
