import type { Command } from "commander";

export function addData(program: Command): void {
  program.command("data").summary("fetch or draw images");
}
