#!/usr/bin/env node
import { CommanderError } from "commander";
import { makeProgram } from "./program.js";
import { Interrupted } from "./session.js";

/** 0 done, 1 failed, 2 wrong usage, 130 interrupted (a run can be continued). */
async function main(): Promise<number> {
  try {
    await makeProgram().parseAsync();
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof Interrupted) {
      process.stderr.write(`${error.message}\n`);
      return 130;
    }
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`shiftgrad: ${message}\n`);
    if (process.env.SHIFTGRAD_DEBUG && error instanceof Error)
      process.stderr.write(`${error.stack}\n`);
    return 1;
  }
}

process.exitCode = await main();
