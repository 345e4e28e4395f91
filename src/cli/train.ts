import type { Command } from "commander";
import { attacks } from "../attacks/index.js";
import type { Recipe } from "../data/definition.js";
import { dataSources } from "../data/sources.js";
import {
  type DataSource,
  type TrainConfiguration,
  trainSettings,
} from "../lab/records/configuration.js";
import { RunDirectory, RunDirectoryError } from "../lab/runs/run-directory.js";
import { trainRun } from "../lab/runs/train-run.js";
import { integer, settings } from "../schema/index.js";
import { freshDirectory } from "./directories.js";
import { flagsOf } from "./flags.js";
import { describe, given, usage, withFlags } from "./given.js";
import { resumable } from "./outcome.js";
import { type SessionOptions, session, sessionOptions, withSessionOptions } from "./session.js";

const schema = { schema: trainSettings };
const seedOption = {
  schema: settings("seed", {
    seed: integer({
      min: 0,
      optional: true,
      doc: "all of the seeds at once (default: 0)",
    }),
  }),
};

export function addTrain(program: Command): void {
  const command = program
    .command("train")
    .summary("plant a backdoor: poison a training set and train a network on it")
    .description(
      "Trains a victim. The defender's clean images are held out first; a share of the others gets " +
        "the attack's trigger and target label; SGD with a one-cycle schedule does the rest.",
    )
    .option("--out <dir>", "the run's directory, new or interrupted (default: runs/train)")
    .option(
      "--resume <dir>",
      "continue an interrupted run with its own configuration; --data says where its images are now",
    );
  withSessionOptions(withFlags(withFlags(command, seedOption), schema))
    .addHelpText(
      "after",
      () => `
Attacks, and the settings that --attack-option takes
${describe(attacks, { options: true, more: [["none", "a clean model"]] })}

Where nothing else is asked for, a data set is taken with
${recipes()}

Examples
  shiftgrad train --out victim
  shiftgrad train --data cifar10:cifar-10-batches-bin --attack blended --rate 0.01 \\
      --width 16 --epochs 10 --out victim
  shiftgrad train --attack badnets --rate 0.05 --attack-option pattern=grid --out victim
  shiftgrad train --attack blended --attack-option picture=photo.jpg --out victim
  shiftgrad train --resume victim`,
    )
    .action((options: { out?: string; resume?: string }, self: Command) => train(options, self));
}

/** What suits each data set, as the options that ask for it. */
function recipes(): string {
  const flags = flagsOf(trainSettings);
  const words = (recipe: Recipe, path: readonly string[] = []): string[] =>
    Object.entries(recipe).flatMap(([name, value]) => {
      const own = [...path, name];
      const flag = flags.find((one) => one.path.join() === own.join());
      const isPart = typeof value === "object" && value !== null;
      if (isPart && !flag) return words(value as Recipe, own);
      if (!isPart) return flag ? [`${flag.option.long} ${value}`] : [];
      return Object.entries(value).map(([k, v]) => `${flag?.option.long} ${k}=${v}`);
    });
  return [...dataSources]
    .flatMap(({ name, recipe }) => (recipe ? [`  ${name}: ${words(recipe).join(" ")}`] : []))
    .join("\n");
}

async function train(
  { out, resume }: { out?: string; resume?: string },
  command: Command,
): Promise<void> {
  if (resume !== undefined) refuseOthers(command);
  const again = process.argv.slice(2);
  const directory = resume ?? out ?? freshDirectory("train");
  const said = { ...given(command, seedOption), ...given(command, schema) };
  const wanted = usage(command, () => trainSettings.fill(said));
  const configuration =
    resume === undefined
      ? wanted
      : await unfinished(resume, "data" in said ? wanted.data : undefined);
  const options = sessionOptions(command);
  await session(options, async ({ device, hooks, openData, finish }) => {
    const goOn = ["train", "--resume", directory, ...deviceArguments(options)];
    const record = await resumable(hooks, { again, resume: goOn }, async (hooks) => {
      const data = await openData(configuration.data);
      return trainRun({ directory, configuration, device, data, command: again }, hooks);
    });
    finish(record, directory);
  });
}

/** The configuration of a run that is to be resumed, whose images may have moved. */
async function unfinished(path: string, data?: DataSource): Promise<TrainConfiguration> {
  const directory = new RunDirectory(path);
  const record = await directory.record();
  if (record.kind === "train" && !(await directory.isComplete(record))) {
    return { ...record.configuration, ...(data && { data }) };
  }
  throw new RunDirectoryError(
    `${path} is a ${record.state} ${record.kind} run; only an unfinished train run can be resumed`,
  );
}

/** What opens the same device again: another one would round otherwise. */
const deviceArguments = ({ device, subgroupMatrices }: SessionOptions): string[] => [
  ...(device === undefined || device === "auto" ? [] : ["--device", device]),
  ...(subgroupMatrices ? ["--subgroup-matrices"] : []),
];

/**
 * `--resume` takes the configuration from the record, and the kernels' variants from the run; a
 * second one would be ignored silently.
 */
function refuseOthers(command: Command): void {
  const allowed = ["resume", "data", "device", "threads", "subgroupMatrices", "json"];
  const given = command.options.filter((option) => {
    const name = option.attributeName();
    return command.getOptionValueSource(name) === "cli" && !allowed.includes(name);
  });
  if (given.length === 0) return;
  command.error(
    `error: --resume takes its configuration from the run; leave out ` +
      given.map((option) => option.long).join(", "),
    { exitCode: 2 },
  );
}
