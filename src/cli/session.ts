import { type Command, InvalidArgumentError, Option } from "commander";
import type { Device } from "../device/device.js";
import { openDevice } from "../device/open.js";
import type { DataSource } from "../lab/configuration.js";
import { type OpenedData, openData } from "../lab/data-source.js";
import type { RunHooks } from "../lab/sitting.js";
import { stopOnSignals } from "./outputs.js";
import { Progress, progressHooks } from "./progress.js";
import { chooseVariants } from "./tuned.js";
import { integer } from "./values.js";

export interface SessionOptions {
  device: "auto" | "cpu" | "webgpu";
  threads?: number;
  subgroupMatrices?: boolean;
  variants?: string;
  json?: boolean;
}

/** The options that every command with a device has. */
export const withSessionOptions = (command: Command): Command =>
  command
    .option("--device <kind>", "auto (a hardware GPU, else the CPU), cpu or webgpu", kind, "auto")
    .option(
      "--variants <which>",
      "a GPU's kernels: tuned by device --tune, preset, or a run's directory, for those it ran",
      "tuned",
    )
    .option("--threads <n>", "worker threads of the CPU device (default: all)", integer(1))
    .addOption(subgroupMatricesOption())
    .option("--json", "print the run record alone on stdout");

export const subgroupMatricesOption = (): Option =>
  new Option(
    "--subgroup-matrices",
    "let mixed precision use the GPU's matrix units, where this experimental feature is there",
  );

function kind(text: string): string {
  if (["auto", "cpu", "webgpu"].includes(text)) return text;
  throw new InvalidArgumentError("It must be auto, cpu or webgpu.");
}

export interface Session {
  readonly device: Device;
  readonly progress: Progress;
  readonly hooks: RunHooks;
  openData(source: DataSource): Promise<OpenedData>;
}

/** Opens the device, stops cleanly on Ctrl-C and its kin, and gives everything back. */
export async function session<T>(
  options: SessionOptions,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const progress = new Progress(process.stderr);
  const controller = new AbortController();
  const away = stopOnSignals(controller, () =>
    progress.line("stopping after this step; press Ctrl-C again to leave at once"),
  );
  const { threads, subgroupMatrices = false } = options;
  let device: Device | undefined;
  try {
    device = await openDevice({
      ...{ kind: options.device, subgroupMatrices },
      ...(threads && { threads }),
    });
    progress.line(describe(device));
    await chooseVariants(device, options.variants ?? "tuned", progress);
    return await work({
      device,
      progress,
      hooks: { ...progressHooks(progress), signal: controller.signal },
      async openData(source) {
        progress.stage(source.kind === "synthetic" ? "drawing the images" : "reading the images");
        const data = await openData(source);
        controller.signal.throwIfAborted();
        return data;
      },
    });
  } finally {
    progress.end();
    away();
    await device?.destroy();
  }
}

const describe = ({ info }: Device): string =>
  info.kind === "cpu"
    ? `device: cpu, ${info.name}, ${info.threads} thread(s), ${info.features.join(" ")}`
    : `device: webgpu, ${info.name}${info.software ? " (software)" : ""}`;
