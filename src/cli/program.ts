import { Command } from "commander";
import { version } from "../lab/records/version.js";
import { addAttacks } from "./attacks.js";
import { addData } from "./data.js";
import { addDemo } from "./demo.js";
import { addDevice } from "./device.js";
import { addEvaluate } from "./evaluate.js";
import { addProfile } from "./profile.js";
import { addPurify } from "./purify.js";
import { addRuns } from "./runs.js";
import { addTrain } from "./train.js";

/** The command line, ready to parse. */
export function makeProgram(): Command {
  const program = new Command("shiftgrad")
    .description("Plants backdoors in image classifiers and removes them by tuning.")
    .version(version)
    .exitOverride()
    .configureHelp({ helpWidth: Math.min(100, process.stdout.columns ?? 100) })
    .showHelpAfterError("(--help shows what there is)")
    .addHelpText(
      "after",
      `
A first look
  shiftgrad demo

Step by step
  shiftgrad train --out victim
  shiftgrad purify victim --method fst --out purified
  shiftgrad evaluate purified --json

A run's directory holds record.json, metrics.jsonl, checkpoint.safetensors (PyTorch's names) and
report.html. Ctrl-C leaves a run that goes on later. Exit codes: 0 done, 1 failed, 2 wrong usage,
128 + n stopped by signal n (130: Ctrl-C).`,
    );
  for (const add of [
    addDemo,
    addTrain,
    addPurify,
    addEvaluate,
    addRuns,
    addAttacks,
    addData,
    addDevice,
    addProfile,
  ])
    add(program);
  return program;
}
