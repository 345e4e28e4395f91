import type { EpochProgress, StepProgress } from "../training/fit.js";
import { Fields, FormatError } from "./fields.js";
import type { Examination } from "./metrics.js";

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

/** A line of metrics.jsonl, which holds one JSON object a line, in order of time. */
export type MetricLine = StepLine | EpochLine;

/** About this many samples of steps are kept of a run. */
const samples = 400;

/** The line of a step; null for a step of which none is kept. */
export function stepLine(progress: StepProgress): StepLine | null {
  const { epoch, step, steps, images, seconds, loss, lr } = progress;
  const every = Math.max(1, Math.floor(steps / samples));
  if ((step - 1) % every !== 0 && step !== steps) return null;
  const imagesPerSecond = Number((images / Math.max(seconds, 1e-3)).toFixed(1));
  return { type: "step", epoch, step, loss, lr, imagesPerSecond };
}

export function epochLine(progress: EpochProgress, found: Examination | null): EpochLine {
  const { epoch, loss, lr } = progress;
  return {
    ...{ type: "epoch", epoch, loss, lr },
    ...(found && { cleanAccuracy: found.cleanAccuracy }),
    ...(found?.backdoor && { attackSuccess: found.backdoor.attackSuccess }),
  };
}

export const formatMetrics = (lines: readonly MetricLine[]): string =>
  lines.map((line) => `${JSON.stringify(line)}\n`).join("");

/**
 * All lines of a metrics file. A last line without its end is left out: earlier versions appended to
 * the file, and a crash could cut it.
 *
 * @param where the file's name, for error messages
 * @throws FormatError that names line and field
 */
export function parseMetrics(text: string, where: string): MetricLine[] {
  const lines = text.split("\n").slice(0, -1);
  return lines.map((line, i) => parseLine(line, `${where}, line ${i + 1}`));
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
  const [epoch, loss, lr] = [fields.integer("epoch"), fields.number("loss"), fields.number("lr")];
  if (type === "step") {
    const [step, imagesPerSecond] = [fields.integer("step", 1), fields.number("imagesPerSecond")];
    return { type, epoch, step, loss, lr, imagesPerSecond };
  }
  return {
    ...{ type, epoch, loss, lr },
    ...(fields.has("cleanAccuracy") && { cleanAccuracy: fields.share("cleanAccuracy") }),
    ...(fields.has("attackSuccess") && { attackSuccess: fields.share("attackSuccess") }),
  };
}
