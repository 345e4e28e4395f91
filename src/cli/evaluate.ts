import type { Command } from "commander";
import { evaluateRun } from "../lab/runs/evaluate-run.js";
import { openSourceRun } from "../lab/runs/source-run.js";
import { resumable } from "./outcome.js";
import {
  dataGiven,
  session,
  sessionOptions,
  withDataOption,
  withSessionOptions,
} from "./session.js";

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
    .option("--out <dir>", "write record and report there too");
  withSessionOptions(withDataOption(command))
    .addHelpText("after", "\nExample\n  shiftgrad evaluate purified --json")
    .action((run: string, { out }: { out?: string }, self: Command) => evaluate(run, out, self));
}

async function evaluate(run: string, out: string | undefined, self: Command): Promise<void> {
  const options = sessionOptions(self);
  const source = await openSourceRun(run, dataGiven(self));
  await session(options, async ({ device, hooks, openData, finish }) => {
    const again = process.argv.slice(2);
    const record = await resumable(hooks, { again }, async (hooks) => {
      const data = await openData(source.victim.data);
      const request = { source, device, data, command: again };
      return evaluateRun({ ...request, ...(out && { directory: out }) }, hooks);
    });
    finish(record, out ?? null, source.record);
  });
}
