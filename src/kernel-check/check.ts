import type { VariantMap } from "../device/choices.js";
import type { Device } from "../device/device.js";
import type { KernelName } from "../device/kernels.js";
import type { WebGpuDevice } from "../device/webgpu/device.js";
import { type ForcedVariant, forcedVariants } from "../device/webgpu/forced-variants.js";
import type { FloatType } from "../tensor/tensor.js";
import { boundsOf } from "./bounds.js";
import { kernelCases } from "./cases/index.js";
import type { CaseOf } from "./cases/table.js";
import { barOf, type Tolerance } from "./compare.js";
import { type Comparison, compareCall } from "./compare-call.js";
import { Draw } from "./draw.js";
import { HalfArray } from "./half-array.js";
import { arraysOf, type HostCall, inSingles } from "./host-call.js";
import { enqueueUnfilled, runKernel } from "./run-kernel.js";

export interface KernelCheckOptions {
  /** Opens the device to check, several times: each pass forces another variant. */
  open(variants: VariantMap): Promise<WebGpuDevice>;
  /** What it is compared with: the CPU device. */
  reference: Device;
  /** Default: all. */
  kernels?: readonly KernelName[];
  /** "preset" or variants to force; default: all that the adapter can run. */
  variants?: readonly string[];
  /** A new part of the work begins. */
  onStage?: (stage: string) => void;
  /** Kernels compiled or calls checked, of those of the stage. */
  onProgress?: (done: number, all: number) => void;
  /** The rows of a variant, when all its calls are checked. */
  onRows?: (rows: readonly KernelCheckRow[]) => void;
}

/** The calls of one kernel, on activations stored in one type, by one variant. */
export interface KernelCheckRow {
  readonly kernel: KernelName;
  readonly stored: FloatType;
  /** "preset" is what the device runs untuned. */
  readonly variant: string;
  readonly calls: number;
  /** Of the result that is nearest to its bound, or farthest beyond it. */
  readonly error: number;
  readonly bound: number;
  /** How the error is measured, see compare.ts. */
  readonly measure: Tolerance["kind"];
  /** What was wrong first; null if nothing was. */
  readonly wrong: string | null;
}

/**
 * Runs every kernel of a WebGPU device, in every variant that its adapter can run, on activations in
 * f32 and, with the feature shader-f16, in f16, and compares the results with another device's.
 * What a kernel throws is a row that is wrong; the device is then opened anew.
 */
export async function checkKernels(options: KernelCheckOptions): Promise<KernelCheckRow[]> {
  const subject = new Subject(options);
  try {
    const device = await subject.device();
    const calls = await drawCalls(options, device.info.features.includes("shader-f16"));
    const all = [preset, ...forcedVariants(device)];
    const rows: KernelCheckRow[] = [];
    for (const pass of all) {
      if (!(options.variants?.includes(pass.name) ?? true)) continue;
      await subject.force(pass.variants);
      const found = await checkPass(subject, calls, pass, options);
      options.onRows?.(found);
      rows.push(...found);
    }
    return rows;
  } finally {
    await subject.close();
  }
}

/** What a device runs untuned. */
const preset: ForcedVariant = { name: "preset", variants: {}, types: ["f32", "f16"] };

/** The device to check, opened when it is asked for. */
class Subject {
  readonly #open: KernelCheckOptions["open"];
  #variants: VariantMap = {};
  #device: WebGpuDevice | undefined;

  constructor({ open }: KernelCheckOptions) {
    this.#open = open;
  }

  async device(): Promise<WebGpuDevice> {
    this.#device ??= await this.#open(this.#variants);
    return this.#device;
  }

  async force(variants: VariantMap): Promise<void> {
    await this.close();
    this.#variants = variants;
  }

  async close(): Promise<void> {
    await this.#device?.destroy();
    this.#device = undefined;
  }
}

/** A call with what the reference gives for it. */
interface Call {
  readonly kernel: KernelName;
  readonly stored: FloatType;
  /** Enqueues it on undefined operands, for a device that records. */
  enqueue(device: Device): void;
  compare(device: Device): Promise<Comparison>;
}

async function drawCalls({ kernels, reference, onStage }: KernelCheckOptions, half: boolean) {
  onStage?.("computing what is expected");
  const wanted = kernels ?? (Object.keys(kernelCases) as KernelName[]);
  const calls: Call[] = [];
  const add = async <K extends KernelName>(kernel: K): Promise<void> => {
    const cases: readonly CaseOf<K>[] = kernelCases[kernel];
    for (const stored of half ? (["f32", "f16"] as const) : (["f32"] as const)) {
      for (const [i, build] of cases.entries()) {
        const call = build(new Draw(stored, `${kernel} ${i}`));
        const halved = arraysOf(call).some((array) => array instanceof HalfArray);
        if (stored === "f32" || halved) calls.push(await known(kernel, stored, call, reference));
      }
    }
  };
  for (const kernel of wanted) await add(kernel);
  return calls;
}

async function known<K extends KernelName>(
  kernel: K,
  stored: FloatType,
  call: HostCall<K>,
  reference: Device,
): Promise<Call> {
  const expected = await runKernel(reference, kernel, inSingles<K>(call));
  return {
    ...{ kernel, stored },
    enqueue: (device) => enqueueUnfilled(device, kernel, call),
    compare: (device) => compareCall(device, kernel, call, expected, boundsOf(kernel, call)),
  };
}

async function checkPass(
  subject: Subject,
  calls: readonly Call[],
  pass: ForcedVariant,
  { onStage, onProgress }: KernelCheckOptions,
): Promise<KernelCheckRow[]> {
  onStage?.(`compiling ${pass.name}`);
  const device = await subject.device();
  const running = calls.filter((call) => pass === preset || runs(device, call, pass));
  await compile(device, running, onProgress);
  onStage?.(`checking ${pass.name}`);
  const rows = new Map<string, KernelCheckRow>();
  for (const [i, call] of running.entries()) {
    const key = `${call.kernel} ${call.stored}`;
    rows.set(key, joined(rows.get(key), await rowOf(call, pass.name, subject)));
    onProgress?.(i + 1, running.length);
  }
  return [...rows.values()];
}

/** Whether a forced variant has anything to do with a call; one that fails tells when it runs. */
function runs(device: Device, call: Call, { name, types }: ForcedVariant): boolean {
  if (!types.includes(call.stored)) return false;
  try {
    const choices = device.choices(() => call.enqueue(device));
    return choices.some(({ variant }) => variant === name);
  } catch {
    return true;
  }
}

/** Compiles all kernels side by side; one that fails tells when it runs. */
async function compile(
  device: Device,
  calls: readonly Call[],
  onProgress: KernelCheckOptions["onProgress"],
): Promise<void> {
  try {
    const recording = device.capture(() => {
      for (const call of calls) call.enqueue(device);
    });
    await recording.ready(onProgress).finally(() => recording.release());
  } catch {
    // Nothing is lost but time.
  }
}

async function rowOf(call: Call, variant: string, subject: Subject): Promise<KernelCheckRow> {
  const row = { kernel: call.kernel, stored: call.stored, variant, calls: 1 };
  try {
    const { results, wrong } = await call.compare(await subject.device());
    const worst = results
      .map(({ error, tolerance }) => ({ error, bound: barOf(tolerance), measure: tolerance.kind }))
      .reduce((a, b) => (share(b) > share(a) ? b : a));
    return { ...row, ...worst, wrong };
  } catch (error) {
    await subject.close();
    const wrong = error instanceof Error ? error.message : String(error);
    return { ...row, error: Number.NaN, bound: 0, measure: "exact", wrong };
  }
}

/** How much of its bound an error takes. */
const share = ({ error, bound }: { error: number; bound: number }): number =>
  error === 0 ? 0 : error / bound;

function joined(before: KernelCheckRow | undefined, row: KernelCheckRow): KernelCheckRow {
  if (!before) return row;
  // A call that failed has no error to compare, and outweighs one that has.
  const first = Number.isNaN(before.error) || share(before) >= share(row);
  const worst = first ? before : row;
  return { ...worst, calls: before.calls + 1, wrong: before.wrong ?? row.wrong };
}
