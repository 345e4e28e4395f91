import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { isMissing } from "../files/atomic.js";
import type { Examination } from "../lab/records/metrics.js";
import { formatRecord, type RunRecord } from "../lab/records/record.js";
import { percent } from "../lab/report/report.js";
import { RunDirectory } from "../lab/runs/run-directory.js";
import { columns } from "./columns.js";

export function addRuns(program: Command): void {
  program
    .command("runs")
    .summary("list the runs in a folder")
    .description("Lists the run directories in a folder and below it, with what each came to.")
    .argument("[folder]", "where to look", "runs")
    .option("--json", "print the records, one a line")
    .addHelpText("after", "\nExamples\n  shiftgrad runs\n  shiftgrad runs . --json")
    .action((folder: string, { json }: { json?: boolean }) => runs(folder, json ?? false));
}

/** Folders below this are not looked at: a demo's parts lie one below it. */
const deepest = 3;

async function runs(folder: string, json: boolean): Promise<void> {
  const found: (readonly [path: string, record: RunRecord])[] = [];
  for (const path of await foldersIn(folder)) {
    try {
      const record = await new RunDirectory(path).recordIfAny();
      if (record) found.push([path, record]);
    } catch (error) {
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    }
  }
  if (found.length === 0) {
    process.stderr.write(`no runs in ${folder}; --out of train and purify says where they go\n`);
    return;
  }
  const lines = json
    ? found.map(([, record]) => JSON.stringify(JSON.parse(formatRecord(record))))
    : columns([["run", "kind", "state", "of", "C-ACC", "ASR", "RA"], ...found.map(row)]);
  process.stdout.write(`${lines.join("\n")}\n`);
}

/** @throws the error of a first folder that cannot be read */
async function foldersIn(folder: string, depth = 0): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (depth > 0 && isMissing(error)) return [];
    throw error;
  });
  const below = entries.filter((entry) => entry.isDirectory() && depth < deepest);
  const names = below.map(({ name }) => join(folder, name)).sort();
  const inner = await Promise.all(names.map((name) => foldersIn(name, depth + 1)));
  return [folder, ...inner.flat()];
}

function row([path, record]: readonly [string, RunRecord]): string[] {
  const found = examinationOf(record);
  const { backdoor } = found ?? {};
  return [
    ...[path, record.kind, record.state, subject(record)],
    found ? percent(found.cleanAccuracy) : "",
    backdoor ? percent(backdoor.attackSuccess) : "",
    backdoor ? percent(backdoor.robustAccuracy) : "",
  ];
}

/** The model that the run is about, as it is afterwards. */
function examinationOf({ metrics }: RunRecord): Examination | undefined {
  if (!metrics) return undefined;
  if ("after" in metrics) return metrics.after;
  return "victim" in metrics ? metrics.victim : metrics.examination;
}

function subject(record: RunRecord): string {
  const { configuration } = record;
  if ("methods" in configuration) return configuration.methods.join(", ");
  if ("method" in configuration) return configuration.method;
  const { attack } = "victim" in configuration ? configuration.victim : configuration;
  return attack ? `${attack.name} ${Number((100 * attack.rate).toPrecision(3))}%` : "clean";
}
