import { appendFile, readFile } from "node:fs/promises";
import { Fields, FormatError } from "./fields.js";
import { isMissing, writeAtomically } from "./files.js";

/** A sample of a step. */
export interface StepLine {
  readonly type: "step";
  readonly epoch: number;
  readonly step: number;
  readonly loss: number;
  readonly lr: number;
  readonly imagesPerSecond: number;
}

/** An epoch's end; the shares are of the examiner's subsets, when it looked. */
export interface EpochLine {
  readonly type: "epoch";
  readonly epoch: number;
  readonly loss: number;
  readonly lr: number;
  readonly cleanAccuracy?: number;
  readonly attackSuccess?: number;
}

export type MetricLine = StepLine | EpochLine;

/** metrics.jsonl: one JSON object a line, in order of time. Node only. */
export class MetricsLog {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async append(...lines: MetricLine[]): Promise<void> {
    if (lines.length === 0) return;
    await appendFile(this.#path, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  }

  /** All lines; a last line that a crash cut short is left out. */
  async read(): Promise<MetricLine[]> {
    let text: string;
    try {
      text = await readFile(this.#path, "utf8");
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
    const lines = text.split("\n").slice(0, -1);
    return lines.map((line, i) => parseLine(line, `${this.#path}, line ${i + 1}`));
  }

  /** Forgets what came after the end of an epoch, because it will be done again. */
  async keepEpochsBefore(epoch: number): Promise<void> {
    const kept = (await this.read()).filter((line) => line.epoch < epoch);
    await writeAtomically(this.#path, kept.map((line) => `${JSON.stringify(line)}\n`).join(""));
  }
}

function parseLine(text: string, where: string): MetricLine {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new FormatError(`${where} is not JSON: ${(cause as Error).message}`, { cause });
  }
  const fields = new Fields(value, where);
  const type = fields.oneOf("type", ["step", "epoch"]);
  const shared = {
    epoch: fields.integer("epoch"),
    loss: fields.number("loss"),
    lr: fields.number("lr"),
  };
  if (type === "step") {
    const imagesPerSecond = fields.number("imagesPerSecond");
    return { type, ...shared, step: fields.integer("step", 1), imagesPerSecond };
  }
  return {
    type,
    ...shared,
    ...(fields.has("cleanAccuracy") && { cleanAccuracy: fields.share("cleanAccuracy") }),
    ...(fields.has("attackSuccess") && { attackSuccess: fields.share("attackSuccess") }),
  };
}
