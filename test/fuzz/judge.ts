import { FileFormatError } from "../../src/io/file-format-error.js";
import type { FuzzInput } from "./subject.js";

export interface Verdict {
  /** What must not have happened, or undefined. */
  readonly fault: string | undefined;
  readonly refused: boolean;
  /** The processor's time: other programs' does not count. */
  readonly milliseconds: number;
  /** Bytes of memory that the reader took, with garbage not yet collected. */
  readonly bytes: number;
}

const MOST_MILLISECONDS = 2000;
const FREE_BYTES = 2 ** 26;

/** Reads a file and says whether it ended as it must: typed, in time, in memory, without garbage. */
export function judge({ bytes, expect, read }: FuzzInput): Verdict {
  const before = used();
  const started = process.cpuUsage();
  let error: unknown;
  try {
    read();
  } catch (thrown) {
    error = thrown;
  }
  const { user, system } = process.cpuUsage(started);
  const milliseconds = (user + system) / 1000;
  const grown = used() - before;
  const fault =
    faultOfEnding(error, expect) ??
    (milliseconds > MOST_MILLISECONDS ? `${Math.round(milliseconds)} ms` : undefined) ??
    (grown > 4 * bytes.length + FREE_BYTES ? `${grown} bytes of memory` : undefined);
  return { fault, refused: error !== undefined, milliseconds, bytes: grown };
}

function faultOfEnding(error: unknown, expect: FuzzInput["expect"]): string | undefined {
  if (error === undefined) return expect === "wrong" ? "a wrong file is accepted" : undefined;
  if (!(error instanceof FileFormatError)) return error instanceof Error ? error.stack : "no error";
  if (error.message.includes("not foreseen")) return `${error.message}: ${error.stack}`;
  if (error.message.length > 4000) return `a message of ${error.message.length} characters`;
  return expect === "right" ? `a right file is refused: ${error.message}` : undefined;
}

function used(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
