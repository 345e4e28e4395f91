import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { tunedPath, tunedStore } from "../src/cli/tuned.js";
import type { OpenDeviceOptions } from "../src/device/open.js";
import type { TuneOptions } from "../src/device/webgpu/autotune.js";
import { type Case, cases, casesFor, isMixed } from "./cases.js";
import { measureHost } from "./host.js";
import { type MemoryRow, memoryRuns, peakMemory, printPeak } from "./memory.js";
import { type Ours, openOurs } from "./open-ours.js";
import { Peer, type PeerDevice, peerDevices } from "./peer.js";
import { isScriptPeer, runsCase } from "./peers/packages.js";
import { header, line, measure, named, type Row } from "./rows.js";
import type { Subject } from "./runner.js";
import { startPeer } from "./start-peer.js";

const help = `npm run bench -- [options]

  --device cpu|webgpu   what to measure (default cpu)
  --threads N           threads of the CPU device, and of the peer
  --filter TEXT         only cases whose name contains TEXT (commas between several)
  --large               also the cases for graphics cards; a filter with a whole name has them too
  --rounds N            rounds of a case; in each, ours and the peer take turns (default 5)
  --queue N             runs put into the queue before the device is waited for (default 1)
  --tune                on WebGPU, measure the variants of each case's kernels first and keep the
                        fastest in ${tunedPath()}
  --subgroup-matrices   mixed precision may use the GPU's matrix units (experimental feature)
  --peer torch          set PyTorch beside each case: python3's, or that of the one PYTHON names
  --peer-device NAME    cpu, cuda or auto (default): a hardware GPU meets PyTorch on CUDA where
                        there is one, TF32 off; everything else meets it on the CPU
  --peer jax-js|tfjs    set jax-js or TensorFlow.js beside it, on WebGPU (installed on demand)
  --browser             in headless Chromium instead of Node; the peer runs in the same page
  --adapter NAME        Chromium's WebGPU adapter, such as swiftshader
  --host                the processor's time: until the first step ends, and of a replayed step
  --memory              the processes' peak memory instead of times, each case in fresh processes
  --json                print the results as JSON on stdout
  --out FILE            write the results as JSON to FILE
`;

const { values } = parseArgs({
  options: {
    device: { type: "string", default: "cpu" },
    threads: { type: "string" },
    filter: { type: "string", default: "" },
    large: { type: "boolean", default: false },
    rounds: { type: "string", default: "5" },
    queue: { type: "string", default: "1" },
    tune: { type: "boolean", default: false },
    "subgroup-matrices": { type: "boolean", default: false },
    peer: { type: "string" },
    "peer-device": { type: "string", default: "auto" },
    browser: { type: "boolean", default: false },
    adapter: { type: "string" },
    host: { type: "boolean", default: false },
    memory: { type: "boolean", default: false },
    "peak-of": { type: "string" },
    json: { type: "boolean", default: false },
    out: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

/** This file is bundled to build/bench.mjs. */
const root = join(import.meta.dirname, "..");

const chosen = casesFor(values.filter, values.large);
const log = (text: string): void => {
  if (values.json) process.stderr.write(`${text}\n`);
  else console.log(text);
};

if (values.help) console.log(help);
else if (values["peak-of"]) await printPeak(caseNamed(values["peak-of"]), threads());
else if (values.memory) await memory();
else if (values.host) await host();
else await main();

function threads(): number | undefined {
  return values.threads === undefined ? undefined : count("threads");
}

function caseNamed(name: string): Case {
  const found = cases.find((c) => c.name === name);
  if (!found) throw new RangeError(`no case is named ${name}`);
  return found;
}

async function memory(): Promise<void> {
  const rows: MemoryRow[] = [];
  for (const c of chosen.filter((one) => !isMixed(one))) {
    const peakBytes = await peakMemory(c, threads());
    const row: MemoryRow = { name: c.name, peakBytes };
    if (values.peer) {
      const options = { threads: threads() ?? cpus().length, device: "cpu" } as const;
      const peer = await startPeer(root, values.peer, options);
      const theirs = await peer.measure(c, { reps: memoryRuns, queued: 1 });
      await peer.stop();
      const ratio = peakBytes / theirs.peakBytes;
      row.peer = { name: peer.name, peakBytes: theirs.peakBytes, ratio };
    }
    rows.push(row);
    const mega = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
    const beside = row.peer
      ? `  ${row.peer.name} ${mega(row.peer.peakBytes)}  ours / theirs ${row.peer.ratio.toFixed(2)}`
      : "";
    log(`${named(c.name)}${mega(peakBytes).padStart(10)}${beside}`);
  }
  save({ memory: rows });
}

async function host(): Promise<void> {
  const rows = await measureHost(deviceOptions(), 4 * count("rounds"));
  const { firstStepMs, replayMs, dispatches, submits } = rows;
  log(`openDevice to the end of the first step: ${firstStepMs.toFixed(0)} ms`);
  log(
    `host time of a replayed step: ${replayMs.median.toFixed(2)} ms (least ` +
      `${replayMs.min.toFixed(2)}), ${dispatches} dispatches in ${submits} submits`,
  );
  save({ host: rows });
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
  const { ours, peer } = await open();
  const { device, peaks } = ours;
  const counts = { rounds: count("rounds"), queued: count("queue") };
  const load = [loadavg()[0]];
  log(`${device.name}, ${device.threads} threads, ${device.features.join(" ")}`);
  log(`peaks: ${peaks.gflops.toFixed(1)} GFLOP/s, copy ${peaks.gbytes.toFixed(1)} GB/s`);
  log(header(peer?.name));
  const rows: Row[] = [];
  for (const c of chosen) {
    if (isMixed(c) && !device.features.includes("shader-f16")) {
      log(`${named(c.name)}left out: ${device.name} has no 16-bit floats (shader-f16)`);
      continue;
    }
    const cuda = peer instanceof Peer && peer.cuda;
    const beside = values.peer && runsCase(values.peer, c, cuda) ? peer : undefined;
    const row = await measure(c, counts, ours, peaks, beside);
    rows.push(row);
    log(line(row));
  }
  load.push(loadavg()[0]);
  log(`processes wanting a processor, before and after: ${load.join(", ")}`);
  const { browser, tune } = values;
  const settings = { browser, tuned: tune, queued: counts.queued, peer: peer?.name };
  save({ ...settings, device, peaks, load, rows });
  await peer?.stop();
  await ours.stop();
}

async function open(): Promise<{ ours: Ours; peer: Subject | undefined }> {
  const { peer, browser, tune } = values;
  const options = deviceOptions();
  if (browser) {
    if (peer !== undefined && !isScriptPeer(peer)) {
      throw new RangeError(`--peer in a browser must be jax-js or tfjs, not ${peer}`);
    }
    if (tune) {
      throw new RangeError("--tune keeps its choices in a file: it needs Node, not --browser");
    }
    // Only here, for machines that have this bundle and no development packages.
    const { openBrowser } = await import("./browser.js");
    return openBrowser(root, options, peer, values.adapter);
  }
  if (tune && options.kind !== "webgpu") {
    throw new RangeError("--tune measures WebGPU kernels: it needs --device webgpu");
  }
  const ours = await openOurs(options, tune ? tuning() : undefined);
  return { ours, peer: peer ? await startPeer(root, peer, peerOptions(ours)) : undefined };
}

function tuning(): TuneOptions {
  return { store: tunedStore(), log: (text) => log(`  ${text}`) };
}

/** PyTorch on CUDA is a peer of graphics cards. */
function peerOptions({ device }: Ours): { threads: number; device: PeerDevice } {
  const wanted = peerDevices.find((name) => name === values["peer-device"]);
  if (!wanted) {
    const names = peerDevices.join(", ");
    throw new RangeError(`--peer-device must be one of ${names}, not ${values["peer-device"]}`);
  }
  const hardware = device.kind === "webgpu" && !device.software;
  const all = device.kind === "cpu" ? device.threads : availableParallelism();
  return {
    threads: threads() ?? all,
    device: wanted === "auto" && !hardware ? "cpu" : wanted,
  };
}

function count(name: "rounds" | "queue" | "threads"): number {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new RangeError(`--${name} must be a whole number from 1 up, not ${values[name]}`);
}

function deviceOptions(): OpenDeviceOptions {
  const { device: kind } = values;
  if (kind !== "cpu" && kind !== "webgpu") {
    throw new RangeError(`--device must be cpu or webgpu, not ${kind}`);
  }
  const [wanted, subgroupMatrices] = [threads(), values["subgroup-matrices"]];
  return { kind, subgroupMatrices, ...(wanted !== undefined && { threads: wanted }) };
}
