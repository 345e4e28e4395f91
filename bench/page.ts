/** What runs in the browser: the subjects, called by name from browser.ts. */
import type { OpenDeviceOptions } from "../src/device/open.js";
import type { Case } from "./cases.js";
import { openOurs } from "./open-ours.js";
import { type Runner, timer } from "./runner.js";

const times = new Map<string, ReturnType<typeof timer>>();

const page = {
  async openOurs(options: OpenDeviceOptions) {
    const { name, device, peaks, time } = await openOurs(options);
    times.set(name, time);
    return { name, device, peaks };
  },
  async openPeer(url: string) {
    const { open } = (await import(url)) as { open(): Promise<Runner> };
    const runner = await open();
    times.set(runner.name, timer(runner));
    return runner.name;
  },
  time(name: string, c: Case, reps: number, queued: number) {
    const time = times.get(name);
    if (!time) throw new Error(`${name} is not open`);
    return time(c, reps, queued);
  },
};

export type BenchmarkPage = typeof page;

Object.assign(globalThis, { benchmark: page });
