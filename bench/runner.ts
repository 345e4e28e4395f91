import { Bench } from "tinybench";
import type { Case } from "./cases.js";

/** A framework that can run the cases: ours, or one to compare with. */
export interface Runner {
  /** Name and version. */
  readonly name: string;
  /** Sets a case up on the framework's device. */
  prepare(c: Case): Promise<Prepared>;
}

export interface Prepared {
  /** Runs the case once, from an idle device to an idle device. */
  run(): Promise<void>;
  /** Puts one run more into the device's queue; absent where there is no way to. */
  enqueue?(): void;
  /** Gives its memory back. */
  release(): void;
}

/** A runner that is somewhere: in this process, in another one, in a page. */
export interface Subject {
  readonly name: string;
  /**
   * Milliseconds of a run of a case, `reps` samples; in each the device is waited for after `queued`
   * runs. The first call of a case sets it up, untimed.
   */
  time(c: Case, reps: number, queued: number): Promise<number[]>;
  stop(): Promise<void>;
}

/** Milliseconds of a run, `reps` samples of `queued` runs. */
export async function time(prepared: Prepared, reps: number, queued = 1): Promise<number[]> {
  if (queued > 1 && !prepared.enqueue) {
    throw new RangeError("this framework can wait for every run only: leave out --queue");
  }
  const bench = new Bench({ iterations: reps, time: 0, warmup: false, retainSamples: true });
  // An async function: tinybench would call another kind once more, to see whether it is one.
  bench.add("case", async () => {
    for (let i = 1; i < queued; i++) prepared.enqueue?.();
    await prepared.run();
  });
  const [task] = await bench.run();
  const result = task?.result;
  if (result && "error" in result) throw result.error;
  if (!result || !("latency" in result) || !result.latency.samples) {
    throw new Error(`the benchmark failed: ${JSON.stringify(result)}`);
  }
  return result.latency.samples.map((sample) => sample / queued);
}

/**
 * The first run compiles, the second makes buffers of memory that the first gave back; and engines
 * go on compiling WebAssembly better in the background while its first, slow code runs.
 */
async function warmUp(prepared: Prepared): Promise<void> {
  const start = performance.now();
  for (let runs = 0; runs < 2 || (runs < 200 && performance.now() - start < 1500); runs++) {
    await prepared.run();
  }
}

/** Times a runner of this process; the last case stays set up. */
export function timer(runner: Runner): Subject["time"] {
  let current: { name: string; prepared: Prepared } | undefined;
  return async (c, reps, queued) => {
    if (current?.name !== c.name) {
      current?.prepared.release();
      current = undefined;
      const prepared = await runner.prepare(c);
      current = { name: c.name, prepared };
      await warmUp(prepared);
    }
    return time(current.prepared, reps, queued);
  };
}
