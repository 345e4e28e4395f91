/**
 * A peer in a Node process of its own: node process.js PEER.js. It answers one JSON request a
 * line with one JSON answer a line, as torch_peer.py does.
 */
import { createInterface } from "node:readline";
import { create, globals } from "webgpu";
import type { Case } from "../cases.js";
import type { Sampling } from "../peer.js";
import { type Runner, timer } from "../runner.js";

/** What these packages look for in a browser; Dawn lives as long as its object is named. */
const gpu = create([]);
const navigator = { gpu, userAgent: "Node", hardwareConcurrency: 2 };
Object.assign(globalThis, globals);
Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true });

console.log = console.error; // stdout is for the answers
const [, , file = ""] = process.argv;
const { open } = (await import(file)) as { open(): Promise<Runner> };
const runner = await open();
const time = timer(runner);
const answer = (value: object): void => {
  process.stdout.write(`${JSON.stringify(value)}\n`);
};
answer({ peer: runner.name });
for await (const line of createInterface({ input: process.stdin })) {
  const { reps, queued, ...request } = JSON.parse(line) as Case & Sampling;
  try {
    const ms = await time(request, reps, queued);
    answer({ ms, peakBytes: process.resourceUsage().maxRSS * 1024 });
  } catch (error) {
    answer({ error: String(error) });
  }
}
process.exit();
