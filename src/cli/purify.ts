import { type Command, Option } from "commander";
import { methods } from "../defenses/index.js";
import type { CurveConfiguration, DataSource } from "../lab/configuration.js";
import { methodNames } from "../lab/purify.js";
import { purifyRun } from "../lab/purify-run.js";
import { openSourceRun } from "../lab/source-run.js";
import { freshDirectory } from "./directories.js";
import { finish, resumable } from "./outcome.js";
import { type SessionOptions, session, withSessionOptions } from "./session.js";
import { type TuningFlags, tuningOptions, withTuningOptions } from "./tuning-options.js";
import { curveOption, dataOption } from "./victim-options.js";

type PurifyOptions = TuningFlags &
  SessionOptions & { method: string; data?: DataSource; curve: CurveConfiguration; out?: string };

export function addPurify(program: Command): void {
  const command = program
    .command("purify")
    .summary("remove a backdoor: tune a model on clean images")
    .description(
      "Purifies the model of an earlier run with the clean images that its split held out, and " +
        "examines it before and after. The method never sees the trigger. The earlier run stays as " +
        "it is.\n\nmethods\n" +
        methods.map((m) => `  ${m.name.padEnd(11)} ${m.doc}`).join("\n"),
    )
    .argument("<run>", "the directory of a finished train or purify run")
    .addOption(new Option("--method <name>", "how to purify").choices(methodNames).default("fst"))
    .addOption(dataOption())
    .option("--out <dir>", "the run's directory, new or interrupted (default: runs/<method>)")
    .addOption(curveOption());
  withSessionOptions(withTuningOptions(command))
    .addHelpText(
      "after",
      `
The images are found again from the victim's record; --data says where they are now. Images with
another content are refused.

Examples
  shiftgrad purify victim --out purified
  shiftgrad purify victim --method ft --epochs 20 --out tuned
  shiftgrad purify victim --method fst --alpha 0.1 --batch-norm frozen --out purified-2`,
    )
    .action((run: string, options: PurifyOptions) => purify(run, options));
}

async function purify(run: string, options: PurifyOptions): Promise<void> {
  const source = await openSourceRun(run, options.data);
  const { method, curve } = options;
  const directory = options.out ?? freshDirectory(method);
  const command = process.argv.slice(2);
  const again = options.out ? command : [...command, "--out", directory];
  await session(options, async ({ device, hooks, openData }) => {
    const record = await resumable(hooks, { again }, async (hooks) => {
      const data = await openData(source.victim.data);
      const tuning = tuningOptions(options);
      return purifyRun({ source, method, tuning, curve, device, data, directory, command }, hooks);
    });
    const { metrics } = record;
    const rows = metrics && [
      { name: "before", examination: metrics.before },
      {
        name: method,
        examination: metrics.after,
        defenseEffectiveness: metrics.defenseEffectiveness,
      },
    ];
    finish(record, directory, options.json, rows ?? []);
  });
}
