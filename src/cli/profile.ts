import { writeFile } from "node:fs/promises";
import type { Command } from "commander";
import { type ProfileRow, profileRows } from "../device/profile.js";
import { chromeTrace } from "../device/trace.js";
import { openWebGpuDevice } from "../device/webgpu/device.js";
import { profileSettings, profileStep } from "../lab/victims/profile-step.js";
import { oneOf, settings, type Values } from "../schema/index.js";
import { columns } from "./columns.js";
import { given, usage, withFlags } from "./given.js";
import { Progress, progressHooks } from "./progress.js";
import { subgroupMatricesField } from "./session.js";
import { useTuned } from "./tuned.js";

export function addProfile(program: Command): void {
  const command = program
    .command("profile")
    .summary("time every kernel of a ResNet-18 training step on the GPU")
    .description(
      "Runs training steps of a ResNet-18 on synthetic images and shows, for each kernel, GPU time " +
        "by timestamp queries, the rates of the operations and bytes that its definition counts, " +
        "and the share it reaches of the roofline: what those would take at the measured peaks. " +
        "Shaders are listed below a kernel that takes several.",
    )
    .option("--trace <file>", "write a trace for chrome://tracing or ui.perfetto.dev")
    .option("--json", "print the rows as JSON")
    .addHelpText(
      "after",
      "\nExamples\n  shiftgrad profile --width 64 --batch-size 128 --trace step.json\n" +
        "  shiftgrad profile --by shape --json",
    )
    .action((options: { trace?: string; json?: boolean }, self: Command) =>
      profile(
        options,
        usage(self, () => printed.fill(given(self, said))),
      ),
    );
  withFlags(command, said);
}

const printed = settings("profile", {
  ...profileSettings.fields,
  subgroupMatrices: subgroupMatricesField,
  by: oneOf(["kernel", "shape"], {
    default: "kernel",
    doc: "one row for each kernel, or for each of its shapes",
  }),
});
const said = { schema: printed };

async function profile(
  { trace, json }: { trace?: string; json?: boolean },
  { by, subgroupMatrices, ...options }: Values<typeof printed.fields>,
): Promise<void> {
  const progress = new Progress(process.stderr);
  const { onStage, onCompile } = progressHooks(progress);
  const device = await openWebGpuDevice({ subgroupMatrices });
  try {
    progress.line(`device: webgpu, ${device.info.name}`);
    await useTuned(device, progress);
    const hooks = { ...(onStage && { onStage }), ...(onCompile && { onCompile }) };
    const { calls, peaks } = await profileStep(device, options, hooks);
    progress.end();
    const rows = profileRows(calls, { peaks, by });
    if (trace) {
      await writeFile(trace, chromeTrace(calls, device.info.name));
      progress.line(`trace: ${trace}, for chrome://tracing or https://ui.perfetto.dev`);
    }
    const { steps } = options;
    const all = { device: device.info, peaks, ...options, rows };
    process.stdout.write(
      json ? `${JSON.stringify(all, null, 2)}\n` : `${profileTable(rows, steps).join("\n")}\n`,
    );
  } finally {
    progress.end();
    await device.destroy();
  }
}

/** Calls and milliseconds are those of one step. */
export function profileTable(rows: readonly ProfileRow[], steps: number): string[] {
  const head = ["", "calls", "ms", "time", "GFLOP/s", "GB/s", "of roofline", "bound by"];
  const percent = (share: number): string =>
    Number.isFinite(share) ? `${(100 * share).toFixed(1)}%` : "";
  const rate = (value: number): string => (value >= 0.05 ? value.toFixed(1) : "");
  const each = (calls: number): string => String(Number((calls / steps).toFixed(1)));
  const all = rows.reduce((sum, { ms }) => sum + ms, 0);
  const body = rows.flatMap((row) => [
    [
      ...[row.name, each(row.calls), (row.ms / steps).toFixed(2), percent(row.share)],
      ...[rate(row.gflops), rate(row.gbytes), percent(row.ofRoofline), row.bound],
    ],
    ...(row.parts.length > 1
      ? row.parts.map(({ name, calls, ms }) => [
          ...[`  ${name}`, each(calls), (ms / steps).toFixed(2), percent(ms / all)],
          ...["", "", "", ""],
        ])
      : []),
  ]);
  const calls = rows.reduce((sum, row) => sum + row.calls, 0);
  const foot = ["one step", each(calls), (all / steps).toFixed(2), "", "", "", "", ""];
  return columns([head, ...body, foot]);
}
