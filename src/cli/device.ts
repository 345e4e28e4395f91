import { type Command, InvalidArgumentError, Option } from "commander";
import type { KernelChoice } from "../device/choices.js";
import { openCpuDevice } from "../device/cpu/open.js";
import type { Device } from "../device/device.js";
import { DeviceUnavailableError } from "../device/errors.js";
import { measurePeaks, type Peaks } from "../device/peaks.js";
import type { TuneResult } from "../device/webgpu/autotune.js";
import { openWebGpuDevice, WebGpuDevice } from "../device/webgpu/device.js";
import { type SampleStep, sampleSettings, sampleStep } from "../lab/victims/sample-step.js";
import { oneOf, settings, type Values } from "../schema/index.js";
import { check, checkable } from "./check.js";
import { columns } from "./columns.js";
import { given, usage, withFlags } from "./given.js";
import { Progress } from "./progress.js";
import { subgroupMatricesField } from "./session.js";
import { tunedPath, tunedStore, useTuned } from "./tuned.js";

const shown = settings("device", {
  ...sampleSettings.fields,
  device: oneOf(["all", "cpu", "webgpu"], { default: "all", doc: "which to look at" }),
  subgroupMatrices: subgroupMatricesField,
});
const said = { schema: shown };

/** What commander reads, beside what the settings say. */
interface Wishes {
  choices?: boolean;
  tune?: boolean;
  check?: boolean;
  only?: readonly string[];
  json?: boolean;
}

type DeviceOptions = Wishes & Values<typeof shown.fields>;

export function addDevice(program: Command): void {
  const command = program
    .command("device")
    .summary("show the devices of this machine, what they give at most, and their kernels")
    .description(
      "Shows which devices shiftgrad can use here, which one it takes by itself, and their peaks by " +
        "measuring: arithmetic by multiply-adds on registers, memory by copying.\n\n" +
        "--choices lists the variants of the kernels that a ResNet-18 training step runs: on the CPU " +
        "by a model of their cost, on WebGPU by what suits the adapter or what was measured. --tune " +
        `measures them on WebGPU and keeps the fastest in ${tunedPath()}, where the other commands ` +
        "find them. Choices are by shape and type: tune with the width, the batch size and the " +
        "precision of your runs.\n\n" +
        "--check runs every kernel on WebGPU, in every variant that the adapter can run, on 32-bit " +
        "and 16-bit floats, and compares the results with the CPU device's. Exit code 1 if one is " +
        "beyond its bound.",
    )
    .option("--choices", "list the kernels' variants")
    .option("--tune", "measure them on WebGPU and keep the fastest")
    .addOption(
      new Option("--check", "compare what every kernel gives on WebGPU and on the CPU").conflicts([
        "choices",
        "tune",
      ]),
    )
    .addOption(
      new Option("--only <names>", "kernels and variants to check, commas between")
        .argParser(checkNames)
        .implies({ check: true }),
    )
    .option("--json", "print all of it as JSON")
    .action(({ choices, tune, check, only, json }: Wishes, self: Command) => {
      const wishes = { choices, tune, check, only, json } as Wishes;
      const options = { ...wishes, ...usage(self, () => shown.fill(given(self, said))) };
      return options.check ? checkDevice(options, self) : showDevices(options);
    });
  withFlags(command, said);
}

function checkNames(text: string): string[] {
  const names = text.split(",");
  const unknown = names.find((name) => !checkable(name));
  if (unknown === undefined) return names;
  throw new InvalidArgumentError(
    `"${unknown}" is no kernel and no variant; device --check lists both.`,
  );
}

function checkDevice(options: DeviceOptions, command: Command): Promise<void> {
  if (options.device === "cpu") {
    command.error("error: --check compares WebGPU with the CPU; it needs --device webgpu", {
      exitCode: 2,
    });
  }
  return check(options, new Progress(process.stderr));
}

interface Found {
  readonly kind: string;
  readonly info?: Device["info"];
  readonly maxStorageBytes?: number;
  readonly limits?: Readonly<Record<string, number>>;
  readonly peaks?: Peaks;
  readonly choices?: readonly KernelChoice[];
  readonly tuned?: readonly TuneResult[];
  readonly unavailable?: string;
}

const shownLimits = [
  "maxStorageBufferBindingSize",
  "maxBufferSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupsPerDimension",
] as const;

const openers = {
  cpu: () => openCpuDevice(),
  webgpu: ({ subgroupMatrices = false }: DeviceOptions) => openWebGpuDevice({ subgroupMatrices }),
};

async function showDevices(options: DeviceOptions): Promise<void> {
  const kinds = options.device === "all" ? (["cpu", "webgpu"] as const) : [options.device];
  const progress = new Progress(process.stderr);
  const found: Found[] = [];
  for (const kind of kinds) found.push(await look(kind, options, progress));
  const gpu = found.find(({ kind }) => kind === "webgpu")?.info;
  const auto = gpu && !gpu.software ? "webgpu" : "cpu";
  if (options.json) {
    const chosen = options.device === "all" ? { auto } : {};
    process.stdout.write(`${JSON.stringify({ ...chosen, devices: found }, null, 2)}\n`);
    return;
  }
  const marked = options.device === "all" ? auto : null;
  for (const device of found) process.stdout.write(`${describe(device, marked).join("\n")}\n\n`);
}

async function look(
  kind: "cpu" | "webgpu",
  options: DeviceOptions,
  progress: Progress,
): Promise<Found> {
  let device: Device;
  try {
    device = await openers[kind](options);
  } catch (error) {
    if (error instanceof DeviceUnavailableError) return { kind, unavailable: error.message };
    throw error;
  }
  try {
    const peaks = await measurePeaks(device);
    const { info, maxStorageBytes } = device;
    const gpu = device instanceof WebGpuDevice ? device : null;
    const limits =
      gpu && Object.fromEntries(shownLimits.map((name) => [name, gpu.gpu.limits[name]]));
    if (gpu) await useTuned(gpu, progress);
    const about = { kind, info, maxStorageBytes, ...(limits && { limits }), peaks };
    return { ...about, ...(await kernelsOf(device, options, progress)) };
  } finally {
    await device.destroy();
  }
}

async function kernelsOf(
  device: Device,
  options: DeviceOptions,
  progress: Progress,
): Promise<Pick<Found, "choices" | "tuned">> {
  const tunes = options.tune === true && device instanceof WebGpuDevice;
  if (!tunes && !options.choices) return {};
  const { width, batchSize, precision } = options;
  const step = sampleStep(device, { width, batchSize, precision });
  try {
    const tuned = tunes ? await tune(device, step, progress) : undefined;
    return { ...(tuned && { tuned }), choices: device.choices(() => step.run()) };
  } finally {
    step.release();
  }
}

async function tune(device: WebGpuDevice, step: SampleStep, progress: Progress) {
  progress.stage("tuning");
  const tuned = await device.tune(() => step.run(), {
    store: tunedStore(),
    log: (line) => progress.line(`  ${line}`),
  });
  progress.line(`kept in ${tunedPath()}`);
  return tuned;
}

function describe(found: Found, auto: string | null): string[] {
  const { kind, info, peaks, maxStorageBytes, limits, choices } = found;
  if (!info) return [`${kind}: not available`, `  ${found.unavailable}`];
  const mark = kind === auto ? " (taken by --device auto)" : "";
  return [
    `${kind}: ${info.name}${info.software ? ", software" : ""}${mark}`,
    `  threads            ${info.threads}`,
    `  features           ${info.features.join(" ")}`,
    `  largest tensor     ${((maxStorageBytes ?? 0) / 2 ** 20).toFixed(0)} MiB`,
    `  peak arithmetic    ${peaks?.gflops.toFixed(1)} GFLOP/s`,
    `  peak copy          ${peaks?.gbytes.toFixed(1)} GB/s`,
    ...Object.entries(limits ?? {}).map(([name, value]) => `  ${name.padEnd(34)} ${value}`),
    ...(choices ? ["", ...choiceTable(choices)] : []),
  ];
}

/** One line a choice, and on the CPU the estimates it was made by. */
export function choiceTable(choices: readonly KernelChoice[]): string[] {
  const rows = choices.map(({ shapeClass, variant, reason, variants, cycles }) => {
    const rest = variants.filter((name) => name !== variant);
    const estimate = (name: string): string =>
      cycles ? `${name} ${((cycles[name] ?? Number.NaN) / 1e6).toFixed(2)}` : name;
    return [shapeClass, estimate(variant), reason, rest.map(estimate).join(", ")];
  });
  const costs = choices.some(({ cycles }) => cycles) ? " (Mcycles of a thread)" : "";
  const head = ["kernel and shape", `variant${costs}`, "why", "instead of"];
  return columns([head, ...rows], { gap: 2, left: true }).map((line) => `  ${line}`);
}
