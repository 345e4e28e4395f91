import { openCpuDevice } from "../device/cpu/open.js";
import type { KernelName } from "../device/kernels.js";
import { openWebGpuDevice } from "../device/webgpu/device.js";
import { variantNames } from "../device/webgpu/forced-variants.js";
import { kernelCases } from "../kernel-check/cases/index.js";
import {
  checkKernels,
  type KernelCheckOptions,
  type KernelCheckRow,
} from "../kernel-check/check.js";
import type { Progress } from "./progress.js";

export interface CheckOptions {
  /** Kernels and variants; none of a kind stands for all. */
  only?: readonly string[];
  subgroupMatrices?: boolean;
  json?: boolean;
}

const kernelNames = Object.keys(kernelCases) as KernelName[];
const variants: readonly string[] = ["preset", ...variantNames];

/** What `--only` may name. */
export const checkable = (name: string): boolean =>
  variants.includes(name) || kernelNames.some((kernel) => kernel === name);

/**
 * Prints how the WebGPU device's kernels compare with the CPU device's, and throws if one is wrong.
 * @param open opens the device to check
 */
export async function check(
  { only = [], subgroupMatrices = false, json }: CheckOptions,
  progress: Progress,
  open: KernelCheckOptions["open"] = (forced) =>
    openWebGpuDevice({ variants: forced, subgroupMatrices }),
): Promise<void> {
  const some = <T extends string>(names: readonly T[]): readonly T[] => {
    const wanted = names.filter((name) => only.includes(name));
    return wanted.length > 0 ? wanted : names;
  };
  let info: object | undefined;
  const print = (text: string): void => {
    process.stdout.write(json ? "" : `${text}\n`);
  };
  const reference = await openCpuDevice();
  try {
    const rows = await checkKernels({
      ...{ reference, kernels: some(kernelNames), variants: some(variants) },
      open: async (forced) => {
        const device = await open(forced);
        if (!info) print(`${device.info.name}, beside the CPU device\n\n${checkHead}`);
        info = device.info;
        return device;
      },
      onStage: (stage) => progress.stage(stage),
      onProgress: (done, all) => progress.update(done, all, `${done}/${all}`),
      onRows: (found) => {
        progress.end();
        for (const row of found) print(checkLine(row));
      },
    });
    const missing = variants.filter((name) => only.includes(name) && !rows.some(isOf(name)));
    if (missing.length > 0) {
      throw new Error(`this adapter runs no kernel of those asked for by ${missing.join(", ")}`);
    }
    const wrong = rows.filter((row) => row.wrong !== null);
    if (json) process.stdout.write(`${JSON.stringify({ device: info, rows }, null, 2)}\n`);
    print(`\n${rows.length - wrong.length} of ${rows.length} rows ok`);
    if (wrong.length > 0) throw new Error(`wrong results\n${wrong.map(explain).join("\n")}`);
  } finally {
    progress.end();
    await reference.destroy();
  }
}

const isOf =
  (variant: string) =>
  (row: KernelCheckRow): boolean =>
    row.variant === variant;

const widths = [29, 8, 15, 7, 9, 9, 7];
const padded = (cells: readonly string[]): string =>
  cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("");

const checkHead = padded(["kernel", "stored", "variant", "calls", "error", "bound", "by", ""]);

/** A row of the table: lines are printed as they come, so their columns have fixed widths. */
function checkLine(row: KernelCheckRow): string {
  const { kernel, stored, variant, calls, error, bound, measure, wrong } = row;
  const numbers = [error, bound].map((n) => (Number.isFinite(n) ? n.toExponential(1) : `${n}`));
  const cells = [kernel, stored, variant, String(calls), ...numbers, measure];
  return padded([...cells, wrong === null ? "ok" : "WRONG"]);
}

const explain = ({ stored, variant, wrong }: KernelCheckRow): string =>
  `  ${variant}, ${stored}: ${wrong}`;
