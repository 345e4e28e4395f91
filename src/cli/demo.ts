import type { Command } from "commander";
import { defenses } from "../defenses/index.js";
import type { DemoConfiguration } from "../lab/records/configuration.js";
import { modelInWords } from "../lab/records/words.js";
import { demoChoices, demoConfiguration } from "../lab/runs/demo-configuration.js";
import { demoRun } from "../lab/runs/demo-run.js";
import type { OpenedData } from "../lab/victims/data-source.js";
import { freshDirectory } from "./directories.js";
import { given, usage, withFlags } from "./given.js";
import { resumable } from "./outcome.js";
import { session, sessionOptions, withSessionOptions } from "./session.js";

const said = { schema: demoChoices };

export function addDemo(program: Command): void {
  const command = program
    .command("demo")
    .summary("plant a backdoor and remove it, in a few minutes")
    .description(
      "Trains a narrow ResNet-18 with a Blended backdoor at a low rate, then purifies it by FT, " +
        "which leaves the backdoor, and by FST, which removes it.",
    )
    .option("--out <dir>", "the run's directory, new or interrupted (default: runs/demo)");
  withSessionOptions(withFlags(command, said))
    .addHelpText(
      "after",
      "\nExamples\n  shiftgrad demo\n  shiftgrad demo --methods ft,lp,fe-tuning,ft-init,fst",
    )
    .action(({ out }: { out?: string }, self: Command) => demo(out, self));
}

async function demo(out: string | undefined, self: Command): Promise<void> {
  const options = sessionOptions(self);
  const choices = given(self, said);
  const configuration = usage(self, () => demoConfiguration(choices));
  const directory = out ?? freshDirectory("demo");
  const command = process.argv.slice(2);
  const again = out ? command : [...command, "--out", directory];
  await session(options, async ({ device, hooks, progress, openData, finish }) => {
    const record = await resumable(hooks, { again }, async (hooks) => {
      const data = await openData(configuration.victim.data);
      for (const line of introduction(configuration, data)) progress.line(line);
      return demoRun({ directory, configuration, device, data, command }, hooks);
    });
    finish(record, directory);
  });
}

function introduction({ victim, methods }: DemoConfiguration, { train }: OpenedData): string[] {
  const { model, attack, training, split } = victim;
  const count = train.labels.length;
  const clean = `${Number((100 * split.fraction).toFixed(2))}%`;
  const titles = methods.map((name) => defenses.get(name).title).join(", then by ");
  return [
    `1. Train a ${modelInWords(model)} on ${count} images of ${train.name} for ${training.epochs} ` +
      `epochs; ${100 * (attack?.rate ?? 0)}% of them carry the ${attack?.name} trigger and a ` +
      "wrong label.",
    `2. Purify it by ${titles}, on clean images only (${clean}, held out` +
      `${count < 10_000 ? "; a small set needs more than the paper's 2%" : ""}).`,
    "3. Measure accuracy on clean images (C-ACC) and how often the trigger works (ASR).",
  ];
}
