import { DeviceError, DeviceLostError, LimitError } from "../errors.js";
import type { OptionTable } from "../options.js";
import type { Slice } from "../storage.js";
import { kernelCode } from "./kernel-code.js";
import type { GpuLowering, Tunable } from "./lowering.js";
import { type StoredChoices, storedChoices, type TuneStore, withChoices } from "./tune-store.js";
import type { VariantChoices } from "./variant-choices.js";

export interface TuneOptions {
  /** Choices read from here are not measured again; each new one is added as it is made. */
  store?: TuneStore;
  /** Timed rounds of each variant; the fastest counts. Default 3. */
  rounds?: number;
  /** Told of every choice as it is made, and of every variant that failed, as a line of text. */
  log?: (line: string) => void;
  /** Ends it between two shape classes, with the signal's reason. */
  signal?: AbortSignal;
}

/** @internal */
export const tuneTable: OptionTable<TuneOptions> = {
  store: "checked",
  rounds: "number",
  log: "checked",
  signal: "checked",
};

export interface TuneResult {
  readonly shapeClass: string;
  readonly chosen: string;
  /** The variant that would have run untuned. */
  readonly preset: string;
  /** Milliseconds of each variant that ran; empty if the choice came from the store. */
  readonly ms: Readonly<Record<string, number>>;
  /** Of the chosen variant, by the operations its definition counts; NaN if nothing was measured. */
  readonly gflops: number;
}

/** What tuning needs of a device. */
export interface TuneHost {
  readonly adapter: string;
  readonly choices: VariantChoices;
  /** Memory of the slice's length and type. */
  allocate(like: Slice): Slice;
  release(slice: Slice): void;
  time(run: (gpu: GpuLowering) => void): Promise<number>;
}

/** A measured variant replaces the preset only when it is faster by this factor: timings waver. */
const worthwhile = 1.05;
/** Calls are repeated inside one round until a round takes about this long. */
const roundMs = 4;

/** Takes over what was measured on the adapter before. */
export async function loadTuned(
  choices: VariantChoices,
  adapter: string,
  store: TuneStore,
): Promise<StoredChoices> {
  const stored = storedChoices(await store.load(), adapter, kernelCode());
  for (const [shapeClass, variant] of Object.entries(stored.choices)) {
    choices.set(shapeClass, variant);
  }
  return stored;
}

/**
 * Measures the variants of every call and keeps the fastest of each shape class, for this device
 * and, with a store, for later processes on the same adapter. Operands are scratch memory of the
 * calls' sizes: what is in it does not matter to the time. A variant that the driver cannot compile or
 * run is left out; rejects where that is the preset, the device is lost or memory runs out.
 */
export async function tune(
  host: TuneHost,
  tunables: readonly Tunable[],
  options: TuneOptions,
): Promise<TuneResult[]> {
  const { store, signal, rounds = 3 } = options;
  const { adapter } = host;
  const kernels = kernelCode();
  const known = storedChoices((await store?.load()) ?? null, adapter, kernels).choices;
  const results: TuneResult[] = [];
  for (const tunable of tunables) {
    signal?.throwIfAborted();
    const { shapeClass, preset } = tunable;
    const before = known[shapeClass];
    const reuse = before !== undefined && tunable.names.includes(before);
    const ms = reuse ? {} : await measure(host, tunable, rounds, options.log);
    const chosen = reuse ? before : fastest(tunable, ms);
    const gflops = tunable.flops / 1e6 / (ms[chosen] ?? Number.NaN);
    host.choices.set(shapeClass, chosen);
    if (!reuse) {
      await store?.update((text) => withChoices(text, adapter, kernels, { [shapeClass]: chosen }));
    }
    results.push({ shapeClass, chosen, preset, ms, gflops });
    options.log?.(explain({ shapeClass, chosen, preset, ms, gflops }));
  }
  return results;
}

async function measure(
  host: TuneHost,
  tunable: Tunable,
  rounds: number,
  log: TuneOptions["log"],
): Promise<Record<string, number>> {
  const operands = tunable.operands.map((like) => host.allocate(like));
  const ms: Record<string, number> = {};
  try {
    for (const name of tunable.names) {
      const run = (gpu: GpuLowering) => tunable.run(gpu, name, operands);
      try {
        ms[name] = await fastestRound(host, run, rounds);
      } catch (error) {
        if (name === tunable.preset || !isVariantsOwn(error)) throw error;
        log?.(`${tunable.shapeClass}: ${name} is left out: ${error.message}`);
        await host.time(() => {}).catch(() => {}); // what else it left behind is no other's fault
      }
    }
  } finally {
    for (const slice of operands) host.release(slice);
  }
  return ms;
}

/** Whether a variant failed by itself, on a device that goes on. */
const isVariantsOwn = (error: unknown): error is DeviceError =>
  error instanceof DeviceError &&
  !(error instanceof DeviceLostError || error instanceof LimitError);

/** Milliseconds of a run in the fastest round. */
async function fastestRound(host: TuneHost, run: (gpu: GpuLowering) => void, rounds: number) {
  const timed = (times: number) =>
    host.time((gpu) => {
      for (let i = 0; i < times; i++) run(gpu);
    });
  await timed(1); // compiles
  const once = await timed(1);
  const repeats = Math.max(1, Math.min(50, Math.round(roundMs / Math.max(once, 0.01))));
  let best = once;
  for (let round = 0; round < rounds; round++) {
    best = Math.min(best, (await timed(repeats)) / repeats);
  }
  return best;
}

function fastest({ preset }: Tunable, ms: Readonly<Record<string, number>>): string {
  let best = preset;
  for (const [name, time] of Object.entries(ms)) {
    const bar = best === preset ? worthwhile : 1;
    if (time * bar < (ms[best] ?? Number.POSITIVE_INFINITY)) best = name;
  }
  return best;
}

function explain({ shapeClass, chosen, preset, ms, gflops }: TuneResult): string {
  const times = Object.entries(ms).sort((a, b) => a[1] - b[1]);
  if (!times.length) return `${shapeClass}: ${chosen} (measured before)`;
  const list = times.map(([name, time]) => `${name} ${time.toFixed(2)} ms`).join(", ");
  const why = chosen === preset ? "the preset stays" : `instead of ${preset}`;
  return `${shapeClass}: ${chosen}, ${why}, ${gflops.toFixed(1)} GFLOP/s (${list})`;
}
