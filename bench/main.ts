import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import type { OpenDeviceOptions } from "../src/device/open.js";
import { openBrowser } from "./browser.js";
import { type Case, cases } from "./cases.js";
import { measureHost } from "./host.js";
import { type MemoryRow, memoryRuns, peakMemory, printPeak } from "./memory.js";
import { type Ours, openOurs } from "./open-ours.js";
import { Peer } from "./peer.js";
import { bundlePeer, bundlePeerProcess } from "./peers/bundle.js";
import { isScriptPeer, runsCase } from "./peers/packages.js";
import { header, line, measure, type Row } from "./rows.js";
import type { Subject } from "./runner.js";

const help = `npm run bench -- [options]

  --device cpu|webgpu   what to measure (default cpu)
  --threads N           threads of the CPU device, and of the peer
  --filter TEXT         only cases whose name contains TEXT (commas between several)
  --rounds N            rounds of a case; in each, ours and the peer take turns (default 5)
  --peer torch          set PyTorch (python3 with torch) beside each case; PYTHON names another one
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
    rounds: { type: "string", default: "5" },
    peer: { type: "string" },
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

const wanted = values.filter.split(",");
const chosen = cases.filter(({ name }) => wanted.some((w) => name.includes(w)));
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
      const theirs = await peer.measure(c, memoryRuns);
      await peer.stop();
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

async function host(): Promise<void> {
  const rows = await measureHost(deviceOptions(), 4 * Number(values.rounds));
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
  const load = [loadavg()[0]];
  log(`${device.name}, ${device.threads} threads, ${device.features.join(" ")}`);
  log(`peaks: ${peaks.gflops.toFixed(1)} GFLOP/s, copy ${peaks.gbytes.toFixed(1)} GB/s`);
  log(header(peer?.name));
  const rows: Row[] = [];
  for (const c of chosen) {
    const beside = values.peer && runsCase(values.peer, c) ? peer : undefined;
    const row = await measure(c, Number(values.rounds), ours, peaks, beside);
    rows.push(row);
    log(line(row));
  }
  load.push(loadavg()[0]);
  log(`processes wanting a processor, before and after: ${load.join(", ")}`);
  save({ browser: values.browser, device, peaks, load, rows });
  await peer?.stop();
  await ours.stop();
}

async function open(): Promise<{ ours: Ours; peer: Subject | undefined }> {
  const { peer, browser } = values;
  const options = deviceOptions();
  if (browser) {
    if (peer !== undefined && !isScriptPeer(peer)) {
      throw new RangeError(`--peer in a browser must be jax-js or tfjs, not ${peer}`);
    }
    return openBrowser(root, options, peer, values.adapter);
  }
  const ours = await openOurs(options);
  return { ours, peer: peer ? await startPeer(peer, ours.device.threads) : undefined };
}

function deviceOptions(): OpenDeviceOptions {
  const { device: kind } = values;
  if (kind !== "cpu" && kind !== "webgpu") {
    throw new RangeError(`--device must be cpu or webgpu, not ${kind}`);
  }
  const count = threads();
  return { kind, ...(count ? { threads: count } : {}) };
}

async function startPeer(name: string, threads: number): Promise<Peer> {
  if (name === "torch") {
    const script = join(root, "bench/peers/torch_peer.py");
    return Peer.start(process.env.PYTHON ?? "/usr/bin/python3", [script], threads);
  }
  if (!isScriptPeer(name)) {
    throw new RangeError(`--peer must be torch, jax-js or tfjs, not ${name}`);
  }
  const files = [await bundlePeerProcess(root), await bundlePeer(root, name, "node")];
  return Peer.start(process.execPath, files, threads);
}
