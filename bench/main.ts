import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import type { Device } from "../src/device/device.js";
import { openDevice } from "../src/device/open.js";
import { measurePeaks, type Peaks } from "../src/device/peaks.js";
import { bytesOf, type Case, cases, flopsOf } from "./cases.js";
import { type MemoryRow, memoryRuns, peakMemory, printPeak } from "./memory.js";
import { prepare, time } from "./ours.js";
import { Peer } from "./peer.js";
import { type Summary, summarise } from "./statistics.js";

interface Row {
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

const help = `npm run bench -- [options]

  --device cpu|webgpu   what to measure (default cpu)
  --threads N           threads of the CPU device, and of the peer
  --filter TEXT         only cases whose name contains TEXT (commas between several)
  --rounds N            rounds of a case; in each, ours and the peer take turns (default 5)
  --peer torch          set PyTorch (python3 with torch) beside each case; PYTHON names another one
  --memory              the processes' peak memory instead of times, each case in fresh processes
  --json                print the results as JSON on stdout
  --out FILE            write the results as JSON to FILE
`;

const { values } = parseArgs({
  options: {
    device: { type: "string", default: "cpu" },
    threads: { type: "string" },
    filter: { type: "string", default: "" },
    rounds: { type: "string", default: "5" },
    peer: { type: "string" },
    memory: { type: "boolean", default: false },
    "peak-of": { type: "string" },
    json: { type: "boolean", default: false },
    out: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

const wanted = values.filter.split(",");
const chosen = cases.filter(({ name }) => wanted.some((w) => name.includes(w)));
const log = (line: string): void => {
  if (values.json) process.stderr.write(`${line}\n`);
  else console.log(line);
};

if (values.help) console.log(help);
else if (values["peak-of"]) await printPeak(caseNamed(values["peak-of"]), threads());
else if (values.memory) await memory();
else await main();

function threads(): number | undefined {
  return values.threads ? Number(values.threads) : undefined;
}

function caseNamed(name: string): Case {
  const found = cases.find((c) => c.name === name);
  if (!found) throw new RangeError(`no case is named ${name}`);
  return found;
}

async function memory(): Promise<void> {
  const rows: MemoryRow[] = [];
  for (const c of chosen) {
    const peakBytes = await peakMemory(c, threads());
    const row: MemoryRow = { name: c.name, peakBytes };
    if (values.peer) {
      const peer = await startPeer(values.peer, threads() ?? cpus().length);
      const theirs = await peer.time(c, memoryRuns);
      peer.stop();
      const ratio = peakBytes / theirs.peakBytes;
      row.peer = { name: peer.name, peakBytes: theirs.peakBytes, ratio };
    }
    rows.push(row);
    const mega = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
    const beside = row.peer
      ? `  ${row.peer.name} ${mega(row.peer.peakBytes)}  ours / theirs ${row.peer.ratio.toFixed(2)}`
      : "";
    log(`${c.name.padEnd(28)}${mega(peakBytes).padStart(10)}${beside}`);
  }
  save({ memory: rows });
}

/** Prints or writes the results as the options say, with the machine and the date. */
function save(results: object): void {
  const processor = cpus()[0]?.model ?? "unknown";
  const where = { date: new Date().toISOString(), processor, node: process.version };
  const all = { ...where, ...results };
  if (values.json) console.log(JSON.stringify(all));
  if (values.out) {
    mkdirSync(dirname(values.out), { recursive: true });
    writeFileSync(values.out, `${JSON.stringify(all, null, 1)}\n`);
  }
}

async function main(): Promise<void> {
  if (values.device !== "cpu" && values.device !== "webgpu") {
    throw new RangeError(`--device must be cpu or webgpu, not ${values.device}`);
  }
  const count = threads();
  const device = await openDevice({ kind: values.device, ...(count ? { threads: count } : {}) });
  const peer = values.peer ? await startPeer(values.peer, device.info.threads) : undefined;
  const peaks = await measurePeaks(device);
  log(`${device.info.name}, ${device.info.threads} threads, ${device.info.features.join(" ")}`);
  log(`peaks: ${peaks.gflops.toFixed(1)} GFLOP/s, copy ${peaks.gbytes.toFixed(1)} GB/s`);
  log(header(peer?.name));
  const rows: Row[] = [];
  for (const c of chosen) {
    const row = await measure(device, c, peaks, peer);
    rows.push(row);
    log(line(row));
  }
  peer?.stop();
  save({ device: device.info, peaks, rows });
  await device.destroy();
}

function startPeer(name: string, threads: number): Promise<Peer> {
  if (name !== "torch") throw new RangeError(`--peer must be torch, not ${name}`);
  const script = new URL("../bench/peers/torch_peer.py", import.meta.url).pathname;
  return Peer.start(process.env.PYTHON ?? "/usr/bin/python3", [script], threads);
}

/** Rounds of ours and the peer in turn, so that a drift of the machine meets both. */
async function measure(device: Device, c: Case, peaks: Peaks, peer?: Peer): Promise<Row> {
  const prepared = prepare(device, c);
  await time(device, prepared, 2);
  const [once] = await time(device, prepared, 1);
  const reps = Math.max(1, Math.min(20, Math.round(60 / (once ?? 60))));
  const ours: number[] = [];
  const theirs: number[] = [];
  const ratios: number[] = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    const mine = await time(device, prepared, reps);
    ours.push(...mine);
    if (!peer || c.kind === "augment") continue;
    const { ms } = await peer.time(c, reps);
    theirs.push(...ms);
    ratios.push(summarise(ms).median / summarise(mine).median);
  }
  prepared.release();
  const ms = summarise(ours);
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
    ...(peer && ratios.length > 0
      ? { peer: { name: peer.name, ms: summarise(theirs), ratio: summarise(ratios).median } }
      : {}),
  };
}

function header(peer?: string): string {
  const columns = ["median ms", "+-", "GFLOP/s", "GB/s", "images/s", "floor ms", "of floor"];
  const all = peer ? [...columns, "peer ms", "ratio"] : columns;
  return `${"case".padEnd(28)}${all.map((name) => name.padStart(11)).join("")}${peer ? `  (peer: ${peer})` : ""}`;
}

function line(row: Row): string {
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
  return row.name.padEnd(28) + cells.join("");
}
