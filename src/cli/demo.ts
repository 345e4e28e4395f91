import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import type { DataSource, DemoConfiguration } from "../lab/configuration.js";
import { demoConfiguration, demoDefaults } from "../lab/demo-configuration.js";
import { demoRun } from "../lab/demo-run.js";
import { methodNamed, methodNames } from "../lab/purify.js";
import type { Precision } from "../training/precision.js";
import { freshDirectory } from "./directories.js";
import { finish, resumable } from "./outcome.js";
import { type SessionOptions, session, withSessionOptions } from "./session.js";
import { integer } from "./values.js";
import { dataOption, precisionOption } from "./victim-options.js";

type DemoOptions = SessionOptions & {
  data?: DataSource;
  methods: readonly string[];
  width: number;
  epochs: number;
  seed: number;
  precision: Precision;
  out?: string;
};

export function addDemo(program: Command): void {
  const command = program
    .command("demo")
    .summary("plant a backdoor and remove it, in a few minutes")
    .description(
      "Trains a narrow ResNet-18 with a Blended backdoor at a low rate, then purifies it by FT, " +
        "which leaves the backdoor, and by FST, which removes it.",
    )
    .addOption(dataOption())
    .option("--methods <list>", `comma-separated: ${methodNames.join(", ")}`, methodList, [
      "ft",
      "fst",
    ])
    .option("--width <n>", "channels of the network's first stage", integer(1), demoDefaults.width)
    .option("--epochs <n>", "epochs of the victim's training", integer(1), demoDefaults.epochs)
    .option("--seed <n>", "decides everything random", integer(0), 0)
    .addOption(precisionOption())
    .option("--out <dir>", "the run's directory, new or interrupted (default: runs/demo)");
  withSessionOptions(command)
    .addHelpText(
      "after",
      "\nExamples\n  shiftgrad demo\n  shiftgrad demo --methods ft,lp,fe-tuning,ft-init,fst",
    )
    .action((options: DemoOptions) => demo(options));
}

function methodList(text: string): string[] {
  const names = [...new Set(text.split(","))];
  const unknown = names.filter((name) => !methodNames.includes(name));
  if (unknown.length === 0) return names;
  throw new InvalidArgumentError(`Methods are ${methodNames.join(", ")}.`);
}

async function demo(options: DemoOptions): Promise<void> {
  const { methods, seed, width, epochs, precision, data } = options;
  const choices = { methods, seed, width, epochs, precision };
  const configuration = demoConfiguration({ ...choices, ...(data && { data }) });
  const directory = options.out ?? freshDirectory("demo");
  const command = process.argv.slice(2);
  const again = options.out ? command : [...command, "--out", directory];
  await session(options, async ({ device, hooks, progress, openData }) => {
    const record = await resumable(hooks, { again }, async (hooks) => {
      for (const line of introduction(configuration)) progress.line(line);
      const data = await openData(configuration.victim.data);
      return demoRun({ directory, configuration, device, data, command }, hooks);
    });
    const { metrics } = record;
    const rows = metrics && [
      { name: "victim", examination: metrics.victim },
      ...methods.flatMap((name) => {
        const found = metrics.methods[name];
        if (!found) return [];
        const { after: examination, defenseEffectiveness } = found;
        return [{ name: methodNamed(name).title, examination, defenseEffectiveness }];
      }),
    ];
    progress.end();
    finish(record, directory, options.json, rows ?? []);
  });
}

function introduction({ victim, methods, tuning }: DemoConfiguration): string[] {
  const { data, model, attack, training, split } = victim;
  const images = data.kind === "synthetic" ? `${data.train} synthetic images` : "CIFAR-10";
  const clean = `${Number((100 * split.fraction).toFixed(2))}%`;
  const titles = methods.map((name) => methodNamed(name).title).join(", then by ");
  return [
    `1. Train a ${model.architecture} of width ${model.width} on ${images} for ${training.epochs} ` +
      `epochs; ${100 * (attack?.rate ?? 0)}% of them carry the ${attack?.name} trigger and a ` +
      "wrong label.",
    `2. Purify it by ${titles}: ${tuning.epochs} epochs on clean images only (${clean}, held out` +
      `${data.kind === "synthetic" ? "; a small set needs more than the paper's 2%" : ""}).`,
    "3. Measure accuracy on clean images (C-ACC) and how often the trigger works (ASR).",
  ];
}
