import {
  integer,
  number,
  object,
  oneOf,
  optional,
  parse,
  parseJson,
  type ValueOf,
} from "../../schema/index.js";
import type { EpochProgress, StepProgress } from "../../training/fit.js";
import { type Examination, shareField } from "./metrics.js";

const epoch = integer({ min: 0 });
const shared = { loss: number({}), lr: number({}) };

/** A sample of a step. */
const stepSchema = object({
  type: oneOf(["step"], {}),
  epoch,
  step: integer({ min: 1 }),
  ...shared,
  imagesPerSecond: number({}),
});
export type StepLine = ValueOf<typeof stepSchema>;

/** An epoch's end; the shares are of the examiner's subsets, when it looked. */
const epochSchema = object({
  type: oneOf(["epoch"], {}),
  epoch,
  ...shared,
  cleanAccuracy: optional(shareField),
  attackSuccess: optional(shareField),
});
export type EpochLine = ValueOf<typeof epochSchema>;

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
  const value = parseJson(text, where);
  const { type } = parse(lineSchema, value, where, "record");
  if (type === "step") return parse(stepSchema, value, where, "record");
  return parse(epochSchema, value, where, "record");
}

const lineSchema = object({ type: oneOf(["step", "epoch"], {}) });
