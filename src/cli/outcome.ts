import { defenses } from "../defenses/index.js";
import type { RunRecord } from "../lab/records/record.js";
import { formatRecord } from "../lab/records/record.js";
import { shellCommand } from "../lab/records/shell-command.js";
import type { RunHooks, RunLeft } from "../lab/runs/attempt.js";
import { type JudgedWith, type Judgement, judge } from "../lab/runs/judgement.js";
import { NonFiniteError } from "../training/finite.js";
import { Interrupted } from "./outputs.js";
import { resultTable, type TableRow } from "./table.js";

/** A run ended early. The message says why, what is left, and how to go on. */
export class Stopped extends Error {
  override name = "Stopped";
}

export interface WaysOn {
  /** The command that begins the run. */
  readonly again: readonly string[];
  /** The command that goes on, once there is a run. Default: the same one. */
  readonly resume?: readonly string[];
}

/**
 * Runs `work`. However it ends early, the error says what is left and how to go on.
 *
 * @throws Stopped whose cause is the reason
 */
export async function resumable<T>(
  hooks: RunHooks,
  { again, resume = again }: WaysOn,
  work: (hooks: RunHooks) => Promise<T>,
): Promise<T> {
  let left: RunLeft | undefined;
  const onLeft = (found: RunLeft): void => {
    // The first is the innermost: a part of a demo, not the demo.
    left ??= found;
  };
  try {
    return await work({ ...hooks, onLeft });
  } catch (cause) {
    const interrupted = cause instanceof Interrupted;
    if (!left && !interrupted) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    // The same steps lead there again.
    if (cause instanceof NonFiniteError) {
      throw new Stopped(left ? `${reason}; ${kept(left)}` : reason, { cause });
    }
    const lines = [`${reason}; ${left ? kept(left) : "nothing was begun"}`];
    lines.push(`go on with: ${shellCommand(left ? resume : again)}`);
    throw new Stopped(lines.join(interrupted ? "; " : "\n"), { cause });
  }
}

function kept({ directory, epochs, finished }: RunLeft): string {
  if (finished) return `all but the report is in ${directory}`;
  if (epochs === 0) return `no epoch is done yet in ${directory}`;
  return `${epochs === 1 ? "1 epoch is" : `${epochs} epochs are`} done and kept in ${directory}`;
}

/** Whose verdict it is, only where there are several. */
const inWords = ({ of, verdict }: Judgement, _: number, all: readonly Judgement[]): string => {
  const headline = all.length > 1 ? `${of}: ${verdict.headline}` : verdict.headline;
  return ["", headline, ...verdict.cautions.map((caution) => `  ${caution}`)].join("\n");
};

/** What a run measured, a row for each model. */
function rowsOf(record: RunRecord): TableRow[] {
  const { kind, metrics } = record;
  if (!metrics) return [];
  if (kind === "demo") {
    const { victim, methods } = record.metrics ?? { methods: {} };
    const purified = Object.entries(methods).map(([name, { after, defenseEffectiveness }]) => {
      return { name: defenses.get(name).title, examination: after, defenseEffectiveness };
    });
    return victim ? [{ name: "victim", examination: victim }, ...purified] : [];
  }
  if (kind === "purify" && "after" in metrics) {
    const { before, after: examination, defenseEffectiveness } = metrics;
    const name = record.configuration.method;
    return [
      { name: "before", examination: before },
      { name, examination, defenseEffectiveness },
    ];
  }
  const name = (kind === "evaluate" && record.lineage?.directory) || "victim";
  return "examination" in metrics ? [{ name, examination: metrics.examination }] : [];
}

/**
 * The end of a command: the record alone on stdout, or a table and what to think of it there and the
 * files on stderr.
 */
export function finish(
  record: RunRecord,
  directory: string | null,
  json: boolean | undefined,
  context: JudgedWith,
): void {
  const judgements = judge(record, context).map(inWords);
  const text = [resultTable(rowsOf(record)), ...judgements].join("\n");
  process.stdout.write(json ? formatRecord(record) : `${text}\n`);
  const where = directory === null ? "" : `; ${directory}/report.html`;
  process.stderr.write(`done in ${record.seconds.toFixed(1)} s${where}\n`);
}
