import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { openDevice } from "../src/device/open.js";
import type { Case } from "./cases.js";
import { ours } from "./ours.js";
import { time } from "./runner.js";

/** Runs of a case before its process says how much memory it took. */
export const memoryRuns = 3;

export interface MemoryRow {
  name: string;
  /** Most memory that the process ever had resident, its runtime included. */
  peakBytes: number;
  peer?: { name: string; peakBytes: number; ratio: number };
}

/** The child's side: runs one case and prints the process's peak. */
export async function printPeak(c: Case, threads: number | undefined): Promise<void> {
  const device = await openDevice({ kind: "cpu", ...(threads ? { threads } : {}) });
  await time(await ours(device).prepare(c), memoryRuns);
  await device.destroy();
  console.log(JSON.stringify({ peakBytes: process.resourceUsage().maxRSS * 1024 }));
}

/** A case in a process of its own: memory of other cases and of the peaks would count otherwise. */
export async function peakMemory(c: Case, threads: number | undefined): Promise<number> {
  const program = process.argv[1] ?? "";
  const options = ["--peak-of", c.name, ...(threads ? ["--threads", String(threads)] : [])];
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...options]);
  return (JSON.parse(stdout) as { peakBytes: number }).peakBytes;
}
