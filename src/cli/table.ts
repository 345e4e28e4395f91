import type { Examination } from "../lab/records/metrics.js";
import { percent } from "../lab/report/report.js";
import { columns } from "./columns.js";

export interface TableRow {
  readonly name: string;
  readonly examination: Examination;
  readonly defenseEffectiveness?: number | null;
}

/** The result as a plain table. */
export function resultTable(rows: readonly TableRow[]): string {
  const attacked = rows.some((row) => row.examination.backdoor);
  const rated = rows.some((row) => typeof row.defenseEffectiveness === "number");
  const head = ["", "C-ACC", ...(attacked ? ["ASR", "RA"] : []), ...(rated ? ["DER"] : [])];
  const body = rows.map(({ name, examination, defenseEffectiveness: der }) => {
    const { cleanAccuracy, backdoor } = examination;
    return [
      name,
      percent(cleanAccuracy),
      ...(attacked && backdoor
        ? [percent(backdoor.attackSuccess), percent(backdoor.robustAccuracy)]
        : []),
      ...(rated ? [typeof der === "number" ? der.toFixed(3) : ""] : []),
    ];
  });
  return columns([head, ...body]).join("\n");
}
