import type { Command } from "commander";
import type { DataSource } from "../lab/configuration.js";
import { evaluateRun } from "../lab/evaluate-run.js";
import { openSourceRun } from "../lab/source-run.js";
import { finish, resumable } from "./outcome.js";
import { type SessionOptions, session, withSessionOptions } from "./session.js";
import { dataOption } from "./victim-options.js";

export function addEvaluate(program: Command): void {
  const command = program
    .command("evaluate")
    .summary("measure a model: clean accuracy and attack success")
    .description(
      "Examines the model of an earlier run on the whole test set.\n\n" +
        "  C-ACC  clean test images given their own class\n" +
        "  ASR    triggered test images of the other classes given the target class\n" +
        "  RA     triggered test images of the other classes given their own class",
    )
    .argument("<run>", "the directory of a finished train or purify run")
    .addOption(dataOption())
    .option("--out <dir>", "write record and report there too");
  withSessionOptions(command)
    .addHelpText("after", "\nExample\n  shiftgrad evaluate purified --json")
    .action((run: string, options: SessionOptions & { data?: DataSource; out?: string }) =>
      evaluate(run, options),
    );
}

async function evaluate(
  run: string,
  options: SessionOptions & { data?: DataSource; out?: string },
): Promise<void> {
  const source = await openSourceRun(run, options.data);
  await session(options, async ({ device, hooks, openData }) => {
    const { out } = options;
    const again = process.argv.slice(2);
    const record = await resumable(hooks, { again }, async (hooks) => {
      const data = await openData(source.victim.data);
      const request = { source, device, data, command: again };
      return evaluateRun({ ...request, ...(out && { directory: out }) }, hooks);
    });
    const examination = record.metrics?.examination;
    finish(record, out ?? null, options.json, examination ? [{ name: run, examination }] : []);
  });
}
