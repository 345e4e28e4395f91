import type { RunRecord } from "../lab/record.js";
import { shellCommand } from "../lab/shell-command.js";
import { Interrupted, printRecord } from "./session.js";
import { resultTable, type TableRow } from "./table.js";

/** Runs `work`; when the user stops it, the error says how to go on. */
export async function resumable<T>(resume: readonly string[], work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    throw new Interrupted(`interrupted; go on with: ${shellCommand(resume)}`);
  }
}

/** The end of a command: the record alone on stdout, or a table there and the files on stderr. */
export function finish(
  record: RunRecord,
  directory: string | null,
  json: boolean | undefined,
  rows: readonly TableRow[],
): void {
  if (json) printRecord(record);
  else process.stdout.write(`${resultTable(rows)}\n`);
  const where = directory === null ? "" : `; ${directory}/report.html`;
  process.stderr.write(`done in ${record.seconds.toFixed(1)} s${where}\n`);
}
