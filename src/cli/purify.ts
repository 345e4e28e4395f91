import type { Command } from "commander";
import { defenses } from "../defenses/index.js";
import { purifyChoice } from "../lab/records/configuration.js";
import { purifyRun } from "../lab/runs/purify-run.js";
import { openSourceRun } from "../lab/runs/source-run.js";
import { parse } from "../schema/index.js";
import { freshDirectory } from "./directories.js";
import { describe, given, usage, withFlags } from "./given.js";
import { resumable } from "./outcome.js";
import {
  dataGiven,
  session,
  sessionOptions,
  withDataOption,
  withSessionOptions,
} from "./session.js";

/** The victim is the run's. */
const said = { schema: purifyChoice, except: ["victim"] };

export function addPurify(program: Command): void {
  const command = program
    .command("purify")
    .summary("remove a backdoor: tune a model on clean images")
    .description(
      "Purifies the model of an earlier run with the clean images that its split held out, and " +
        "examines it before and after. The method never sees the trigger. The earlier run stays as " +
        "it is.",
    )
    .argument("<run>", "the directory of a finished train or purify run")
    .option("--out <dir>", "the run's directory, new or interrupted (default: runs/<method>)");
  withSessionOptions(withFlags(withDataOption(command), said))
    .addHelpText(
      "after",
      () => `
Methods; --method NAME --help shows the options of one
${describe(defenses)}

The images are found again from the victim's record; --data says where they are now. Images with
another content are refused.

Examples
  shiftgrad purify victim --out purified
  shiftgrad purify victim --method ft --epochs 20 --out tuned
  shiftgrad purify victim --method fst --alpha 0.1 --batch-norm frozen --out purified-2`,
    )
    .action((run: string, { out }: { out?: string }, self: Command) => purify(run, out, self));
}

async function purify(run: string, out: string | undefined, self: Command): Promise<void> {
  const options = sessionOptions(self);
  const wanted = given(self, said);
  const source = await openSourceRun(run, dataGiven(self));
  const { method, tuning, curve } = usage(self, () =>
    parse(purifyChoice, { ...wanted, victim: source.victim }, "purify", "given"),
  );
  const directory = out ?? freshDirectory(method);
  const command = process.argv.slice(2);
  const again = out ? command : [...command, "--out", directory];
  await session(options, async ({ device, hooks, openData, finish }) => {
    const record = await resumable(hooks, { again }, async (hooks) => {
      const data = await openData(source.victim.data);
      return purifyRun({ source, method, tuning, curve, device, data, directory, command }, hooks);
    });
    finish(record, directory, source.record);
  });
}
