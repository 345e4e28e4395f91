#!/usr/bin/env node
import { CommanderError } from "commander";
import { Stopped } from "./outcome.js";
import { exitCodeOf, guardOutputs, Interrupted } from "./outputs.js";
import { makeProgram } from "./program.js";

/** 0 done, 1 failed, 2 wrong usage, 128 + n stopped by signal n (a run can be continued). */
async function main(): Promise<number> {
  try {
    await makeProgram().parseAsync();
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const message = error instanceof Error ? error.message : String(error);
    const reason = error instanceof Stopped ? error.cause : error;
    if (reason instanceof Interrupted) {
      process.stderr.write(`${message}\n`);
      return exitCodeOf(reason.signal);
    }
    process.stderr.write(`shiftgrad: ${message}\n`);
    if (process.env.SHIFTGRAD_DEBUG && reason instanceof Error)
      process.stderr.write(`${reason.stack}\n`);
    return 1;
  }
}

const printed = guardOutputs();
const code = await main();
const lost = await printed();
if (lost) process.stderr.write(`shiftgrad: what was printed is lost: ${lost.message}\n`);
process.exitCode = lost && code === 0 ? 1 : code;
