import type { Peaks } from "../src/device/peaks.js";
import { bytesOf, type Case, flopsOf } from "./cases.js";
import type { Subject } from "./runner.js";
import { type Summary, summarise } from "./statistics.js";

export interface Row {
  name: string;
  ms: Summary;
  gflops: number;
  gbytes: number;
  imagesPerSecond?: number;
  /** Milliseconds the counted operations and bytes need at the measured peaks. */
  floorMs: number;
  shareOfFloor: number;
  peer?: { name: string; ms: Summary; ratio: number };
}

/**
 * Rounds of ours and the peer in turn, so that a drift of the machine meets both; `queued` runs go
 * into the device's queue before it is waited for.
 */
export async function measure(
  c: Case,
  { rounds, queued }: { rounds: number; queued: number },
  ours: Subject,
  peaks: Peaks,
  peer?: Subject,
): Promise<Row> {
  const [once = 60] = await ours.time(c, 1, queued);
  const reps = Math.max(1, Math.min(20, Math.round(60 / once)));
  const mine: number[] = [];
  const theirs: number[] = [];
  const ratios: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const our = await ours.time(c, reps, queued);
    mine.push(...our);
    if (!peer) continue;
    const their = await peer.time(c, reps, queued);
    theirs.push(...their);
    ratios.push(summarise(their).median / summarise(our).median);
  }
  const ms = summarise(mine);
  const seconds = ms.median / 1000;
  const [flops, bytes] = [flopsOf(c), bytesOf(c)];
  const floorMs = 1000 * Math.max(flops / peaks.gflops / 1e9, bytes / peaks.gbytes / 1e9);
  return {
    name: c.name,
    ms,
    gflops: flops / seconds / 1e9,
    gbytes: bytes / seconds / 1e9,
    ...(c.kind === "resnet" ? { imagesPerSecond: c.batch / seconds } : {}),
    floorMs,
    shareOfFloor: floorMs / ms.median,
    ...(peer
      ? { peer: { name: peer.name, ms: summarise(theirs), ratio: summarise(ratios).median } }
      : {}),
  };
}

/** A name in the table's first column. */
export const named = (name: string): string => name.padEnd(30);

export function header(peer?: string): string {
  const columns = ["median ms", "+-", "GFLOP/s", "GB/s", "images/s", "floor ms", "of floor"];
  const all = peer ? [...columns, "peer ms", "ratio"] : columns;
  return `${named("case")}${all.map((name) => name.padStart(11)).join("")}${peer ? `  (peer: ${peer})` : ""}`;
}

export function line(row: Row): string {
  const number = (x: number | undefined, digits = 1): string =>
    (x === undefined || x === 0 ? "" : x.toFixed(digits)).padStart(11);
  const cells = [
    number(row.ms.median, 3),
    number(row.ms.spread, 3),
    number(row.gflops),
    number(row.gbytes),
    number(row.imagesPerSecond),
    number(row.floorMs, 3),
    `${(100 * row.shareOfFloor).toFixed(0)}%`.padStart(11),
  ];
  if (row.peer) cells.push(number(row.peer.ms.median, 3), number(row.peer.ratio, 2));
  return named(row.name) + cells.join("");
}
