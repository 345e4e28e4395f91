import type { Command } from "commander";
import type { Device } from "../device/device.js";
import { openDevice } from "../device/open.js";
import { type DataSource, dataChoice } from "../lab/records/configuration.js";
import type { RunRecord } from "../lab/records/record.js";
import type { RunHooks } from "../lab/runs/attempt.js";
import type { JudgedWith } from "../lab/runs/judgement.js";
import { type OpenedData, openData } from "../lab/victims/data-source.js";
import { choiceOf, flag, type Given, integer, oneOf, settings, text } from "../schema/index.js";
import { given, usage, withFlags } from "./given.js";
import { finish } from "./outcome.js";
import { stopOnSignals } from "./outputs.js";
import { Progress, progressHooks } from "./progress.js";
import { chooseVariants } from "./tuned.js";

export const subgroupMatricesField = flag({
  default: false,
  doc: "let mixed precision use the GPU's matrix units, where this experimental feature is there",
});

/** What every command with a device takes. */
const settingsOfSession = settings("session", {
  device: oneOf(["auto", "cpu", "webgpu"], {
    default: "auto",
    doc: "auto: a hardware GPU, else the CPU",
  }),
  variants: text({
    default: "tuned",
    placeholder: "which",
    doc: "a GPU's kernels: tuned by device --tune, preset, or a run's directory, for those it ran",
  }),
  threads: integer({
    min: 1,
    optional: true,
    doc: "worker threads of the CPU device (default: all)",
  }),
  subgroupMatrices: subgroupMatricesField,
  json: flag({ default: false, doc: "print the run record alone on stdout" }),
});
export type SessionOptions = Given<typeof settingsOfSession.fields>;

export const withSessionOptions = (command: Command): Command =>
  withFlags(command, { schema: settingsOfSession });

const moved = { ...dataChoice.choice, doc: "where the images are now, if they moved", default: "" };
const imagesOption = { schema: settings("images", { data: choiceOf(moved) }) };

/** Where images are that may have moved; what is not given is where they were. */
export const withDataOption = (command: Command): Command => withFlags(command, imagesOption);

export function dataGiven(command: Command): DataSource | undefined {
  const said = given(command, imagesOption);
  if (!("data" in said)) return undefined;
  return usage(command, () => imagesOption.schema.fill(said).data);
}

export const sessionOptions = (command: Command): SessionOptions =>
  given(command, { schema: settingsOfSession });

export interface Session {
  readonly device: Device;
  readonly progress: Progress;
  readonly hooks: RunHooks;
  openData(source: DataSource): Promise<OpenedData>;
  /** Ends the command: prints what the run came to. */
  finish(record: RunRecord, directory: string | null, source?: JudgedWith["source"]): void;
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
  const { device: kind, variants, threads, subgroupMatrices } = settingsOfSession.fill(options);
  let device: Device | undefined;
  let classes = 0;
  try {
    device = await openDevice({
      ...{ kind, subgroupMatrices },
      ...(threads && { threads }),
    });
    progress.line(describe(device));
    await chooseVariants(device, variants, progress);
    return await work({
      device,
      progress,
      hooks: { ...progressHooks(progress), signal: controller.signal },
      async openData(source) {
        progress.stage("getting the images");
        const data = await openData(source);
        controller.signal.throwIfAborted();
        classes = data.test.classes.length;
        return data;
      },
      finish(record, directory, source) {
        progress.end();
        finish(record, directory, options.json, { classes, ...(source && { source }) });
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
