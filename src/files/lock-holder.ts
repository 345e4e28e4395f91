import { randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { codeOf, fileHash } from "./atomic.js";

/** Where process ids mean the same: one boot and one namespace of Linux, elsewhere the machine. */
const place = fileHash(
  process.platform === "linux"
    ? `${read("/proc/sys/kernel/random/boot_id")} ${link("/proc/self/ns/pid")}`
    : hostname(),
).slice(0, 16);

/** Whether /proc shows this process under its own id: in a container it may be another's. */
const procIsOurs = read("/proc/self/stat").startsWith(`${process.pid} `);

/**
 * A name for what this process takes, which never comes again. An id alone would: in a container the
 * program is process 1 at every start.
 */
export const claimName = (): string =>
  `${place}-${process.pid}-${startOf(process.pid) ?? "x"}-${randomBytes(8).toString("hex")}`;

interface Claim {
  readonly place: string;
  readonly pid: number;
  /** When the process started, in the kernel's ticks; "x" where that is not known. */
  readonly start: string;
}

/** Who made a name by `claimName`; null for any other name. */
function parse(name: string): Claim | null {
  const [, place = "", pid, start = ""] =
    /^([0-9a-f]{16})-(\d+)-(\d+|x)-[0-9a-f]{16}$/.exec(name) ?? [];
  return pid === undefined ? null : { place, pid: Number(pid), start };
}

export const isClaim = (name: string): boolean => parse(name) !== null;

/** "process 123", with a word on where it is if not here. */
export function holderOf(name: string): string {
  const claim = parse(name);
  if (claim?.place === place) return `process ${claim.pid}`;
  return `a process of another machine or container (${claim?.pid} there)`;
}

/** Whether the process that made a name lives, as far as it can be looked up from here. */
export function stateOf(name: string): "living" | "dead" | "unknown" {
  const claim = parse(name);
  if (claim?.place !== place) return "unknown";
  const start = startOf(claim.pid);
  if (!exists(claim.pid)) return "dead";
  if (claim.start === "x" || start === undefined) return "unknown";
  return start === claim.start ? "living" : "dead";
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

/** When a process started; null when it has ended, undefined where that cannot be looked up. */
function startOf(pid: number): string | null | undefined {
  const stat = procIsOurs ? read(`/proc/${pid}/stat`) : "";
  if (stat === "") return undefined;
  // "123 (name) S 1 ...": the name may hold spaces and brackets. Z and X have ended.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state = "X", start = null] = [fields[0], fields[19]];
  return "ZX".includes(state) ? null : start;
}

/** A small file's text; empty where it cannot be read. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
