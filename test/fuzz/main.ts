import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { type FuzzResult, fuzz, inputOf } from "./fuzz.js";

/** A reader that takes longer hangs: a thread in a loop cannot say so itself. */
const HANGS_AFTER = 20_000;

/**
 * The fuzzer as a program: `--inputs N` files from `--seed S` on, in a thread that is watched. Prints
 * what was found, and leaves each file that ended wrongly in `build/fuzz`.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      inputs: { type: "string", default: "10000" },
      seed: { type: "string", default: "1" },
    },
  });
  const [inputs, seed] = [Number(values.inputs), Number(values.seed)];
  if (!(Number.isSafeInteger(inputs) && inputs > 0 && Number.isSafeInteger(seed) && seed >= 0)) {
    throw new Error(`--inputs ${values.inputs} --seed ${values.seed}: expected whole numbers`);
  }
  const current = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(fileURLToPath(import.meta.url), {
    workerData: { inputs, seed, current },
  });
  let last = { at: -1, since: performance.now() };
  const watch = setInterval(() => {
    const at = Atomics.load(current, 0);
    if (at !== last.at) last = { at, since: performance.now() };
    else if (performance.now() - last.since > HANGS_AFTER) {
      console.error(`seed ${at} hangs; its file is ${keep(at, inputOf(at).input.bytes)}`);
      process.exit(1);
    }
  }, 200);
  const result = await new Promise<FuzzResult>((resolve, reject) => {
    worker.once("message", resolve).once("error", reject);
    worker.once("exit", () => {
      reject(new Error(`the thread ended at seed ${Atomics.load(current, 0)}`));
    });
  }).finally(() => clearInterval(watch));
  report(result, seed);
}

function report({ inputs, accepted, slowest, largest, faults }: FuzzResult, seed: number): void {
  for (const { seed: at, subject, fault, bytes } of faults) {
    console.error(`seed ${at} (${subject}): ${fault}\n  ${keep(at, bytes)}`);
  }
  console.log(
    `${inputs} inputs from seed ${seed}: ${accepted} read, ${faults.length} ended wrongly; ` +
      `slowest ${Math.round(slowest.value)} ms (seed ${slowest.seed}), most memory ` +
      `${(largest.value / 2 ** 20).toFixed(1)} MiB (seed ${largest.seed})`,
  );
  process.exitCode = faults.length > 0 ? 1 : 0;
}

function keep(seed: number, bytes: Uint8Array): string {
  mkdirSync("build/fuzz", { recursive: true });
  const path = `build/fuzz/${seed}.bin`;
  writeFileSync(path, bytes);
  return path;
}

if (isMainThread) await main();
else {
  const { inputs, seed, current } = workerData as {
    inputs: number;
    seed: number;
    current: Int32Array;
  };
  parentPort?.postMessage(fuzz(seed, inputs, (at) => Atomics.store(current, 0, at)));
}
