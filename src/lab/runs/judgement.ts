import { defenses } from "../../defenses/index.js";
import { judgePurification, judgeVictim, type Verdict } from "../examination/verdict.js";
import type { PurifyRecord, RunRecord, TrainRecord } from "../records/record.js";

/** What a finished run came to, model by model. */
export interface Judgement {
  /** The model: "victim", a defense's title. */
  readonly of: string;
  readonly verdict: Verdict;
}

export interface JudgedWith {
  /** Classes of the data. */
  readonly classes: number;
  /** The run whose model was purified or evaluated. */
  readonly source?: TrainRecord | PurifyRecord;
}

/** Judges what a run measured: accuracy, attack success and robust accuracy together. */
export function judge(record: RunRecord, { classes, source }: JudgedWith): Judgement[] {
  const purifiedBefore = source?.kind === "purify";
  switch (record.kind) {
    case "train": {
      const { examination } = record.metrics ?? {};
      if (!examination) return [];
      return [{ of: "victim", verdict: judgeVictim(examination, { classes }) }];
    }
    case "purify": {
      const { before, after } = record.metrics ?? {};
      if (!before || !after) return [];
      const verdict = judgePurification(before, after, { classes, purifiedBefore });
      return [{ of: defenses.get(record.configuration.method).title, verdict }];
    }
    case "evaluate": {
      const { examination } = record.metrics ?? {};
      if (!examination) return [];
      const before = source?.kind === "purify" ? source.metrics?.before : undefined;
      const verdict = before
        ? judgePurification(before, examination, { classes })
        : judgeVictim(examination, { classes });
      return [{ of: "model", verdict }];
    }
    case "demo": {
      const { victim, methods } = record.metrics ?? { methods: {} };
      if (!victim) return [];
      const found = Object.entries(methods).map(([name, { before, after }]) => ({
        of: defenses.get(name).title,
        verdict: judgePurification(before, after, { classes }),
      }));
      return [{ of: "victim", verdict: judgeVictim(victim, { classes }) }, ...found];
    }
  }
}
