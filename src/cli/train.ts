import type { Command } from "commander";
import type { DataSource, TrainConfiguration } from "../lab/configuration.js";
import { RunDirectory, RunDirectoryError } from "../lab/run-directory.js";
import { trainRun } from "../lab/train-run.js";
import { freshDirectory } from "./directories.js";
import { finish, resumable } from "./outcome.js";
import { type SessionOptions, session, withSessionOptions } from "./session.js";
import { trainConfiguration, type VictimOptions, withVictimOptions } from "./victim-options.js";

type TrainOptions = VictimOptions & SessionOptions & { out?: string; resume?: string };

export function addTrain(program: Command): void {
  const command = program
    .command("train")
    .summary("plant a backdoor: poison a training set and train a network on it")
    .description(
      "Trains a victim. The defender's clean images are held out first; a share of the others gets " +
        "the attack's trigger and target label; SGD with a one-cycle schedule does the rest.\n\n" +
        "attacks\n" +
        "  badnets   a small white square in a corner\n" +
        "  blended   a picture of noise, mixed into the image with weight 0.2\n" +
        "  sig       a sine across the image, on images of the target class only, labels kept\n" +
        "  none      a clean model",
    )
    .option("--out <dir>", "the run's directory, new or interrupted (default: runs/train)")
    .option(
      "--resume <dir>",
      "continue an interrupted run with its own configuration; --data says where its images are now",
    );
  withSessionOptions(withVictimOptions(command))
    .addHelpText(
      "after",
      `
Examples
  shiftgrad train --out victim
  shiftgrad train --data cifar10:cifar-10-batches-bin --attack blended --rate 0.01 \\
      --width 16 --epochs 10 --out victim
  shiftgrad train --attack badnets --rate 0.05 --attack-option pattern=grid --out victim
  shiftgrad train --resume victim`,
    )
    .action((options: TrainOptions, self: Command) => train(options, self));
}

async function train(options: TrainOptions, command: Command): Promise<void> {
  const { resume } = options;
  if (resume !== undefined) refuseOthers(command);
  const again = process.argv.slice(2);
  const directory = resume ?? options.out ?? freshDirectory("train");
  const configuration =
    resume === undefined
      ? trainConfiguration(options)
      : await unfinished(resume, isGiven(command, "data") ? options.data : undefined);
  await session(options, async ({ device, hooks, openData }) => {
    const goOn = ["train", "--resume", directory, ...deviceArguments(options)];
    const record = await resumable(hooks, { again, resume: goOn }, async (hooks) => {
      const data = await openData(configuration.data);
      return trainRun({ directory, configuration, device, data, command: again }, hooks);
    });
    const examination = record.metrics?.examination;
    finish(record, directory, options.json, examination ? [{ name: "victim", examination }] : []);
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

const isGiven = (command: Command, name: string): boolean =>
  command.getOptionValueSource(name) === "cli";

/** What opens the same device again: another one would round otherwise. */
const deviceArguments = ({ device, subgroupMatrices }: SessionOptions): string[] => [
  ...(device === "auto" ? [] : ["--device", device]),
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
    return isGiven(command, name) && !allowed.includes(name);
  });
  if (given.length === 0) return;
  command.error(
    `error: --resume takes its configuration from the run; leave out ` +
      given.map((option) => option.long).join(", "),
    { exitCode: 2 },
  );
}
