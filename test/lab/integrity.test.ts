import { readdirSync } from "node:fs";
import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { tuningDefaults } from "../../src/defenses/index.js";
import { openCpuDevice } from "../../src/device/cpu/open.js";
import { fileHash } from "../../src/files/atomic.js";
import { DataMismatchError, type OpenedData, openData } from "../../src/lab/data-source.js";
import { evaluateRun } from "../../src/lab/evaluate-run.js";
import { FormatError } from "../../src/lab/fields.js";
import { lockDirectory } from "../../src/lab/lock.js";
import { purifyRun } from "../../src/lab/purify-run.js";
import { RunDirectory, RunDirectoryError } from "../../src/lab/run-directory.js";
import type { RunHooks } from "../../src/lab/sitting.js";
import { openSourceRun } from "../../src/lab/source-run.js";
import { trainRun } from "../../src/lab/train-run.js";
import { all } from "../faults/scale.js";
import { useDevice } from "../support/devices.js";
import { configuration } from "./samples.js";

const device = useDevice(openCpuDevice);
let folder = "";
let data: OpenedData;
const at = (...names: string[]): string => join(folder, ...names);
const enough = new Error("enough");

const train = (name: string, hooks: RunHooks = {}, changes: object = {}, images = data) => {
  const changed = { ...configuration, ...changes };
  return trainRun(
    { directory: at(name), configuration: changed, device: device(), data: images },
    hooks,
  );
};
const purify = async (name: string, source: string, hooks: RunHooks = {}) => {
  const tuning = { ...tuningDefaults, epochs: 3, batchSize: 7 };
  const request = { source: await openSourceRun(at(source)), method: "ft", tuning };
  const shared = { directory: at(name), curve: configuration.curve, device: device(), data };
  return purifyRun({ ...request, ...shared }, hooks);
};
const evaluate = async (source: string, hooks: RunHooks = {}, directory?: string) => {
  const request = { source: await openSourceRun(at(source)), device: device(), data };
  return evaluateRun({ ...request, ...(directory && { directory: at(directory) }) }, hooks);
};

/** Stops a run inside its third epoch. */
const stopping = (): RunHooks => {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    onStep: ({ epoch }) => epoch === 2 && controller.abort(enough),
  };
};
const copy = (from: string, to: string) => cp(at(from), at(to), { recursive: true });
const epochsResumed = () => {
  const found: number[] = [];
  return { found, onResume: (epoch: number) => found.push(epoch) };
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shiftgrad-integrity-"));
  data = await openData(configuration.data);
  await train("whole");
  await expect(train("paused", stopping())).rejects.toThrow(enough);
});
afterAll(() => rm(folder, { recursive: true }));

async function flip(path: string, bit: number): Promise<void> {
  const bytes = await readFile(path);
  const position = bit % (bytes.length * 8);
  bytes[position >> 3] = (bytes[position >> 3] ?? 0) ^ (1 << (position & 7));
  await writeFile(path, bytes);
}
const random = (below: number): number => Math.floor(Math.random() * below);
const trials = all ? 150 : 6;

test.each([
  ["whole", "checkpoint.safetensors", "put back a copy of it, or make the run again with another"],
  ["whole", "metrics.jsonl", "put back a copy of it, or delete it to go on without the curves"],
  ["whole", "record.json", ""],
  ["paused", "resume.safetensors", "delete it to begin again at the first epoch"],
  ["paused", "metrics.jsonl", "delete it to go on without the curves"],
  ["paused", "record.json", "or choose another --out"],
])("of a %s run, a flipped bit or a cut in %s is found", async (run, file, remedy) => {
  const use = () => (run === "whole" ? openSourceRun(at("damaged")) : train("damaged"));
  const path = at("damaged", file);
  const { length } = await readFile(at(run, file));
  for (let trial = 0; trial < trials; trial++) {
    await copy(run, "damaged");
    const before = await readFile(at("damaged", "record.json"));
    const [bit, left] = [random(8 * length), random(length)];
    const where = trial % 3 === 2 ? `cut to ${left} bytes` : `bit ${bit} flipped`;
    if (trial % 3 === 2) await truncate(path, left);
    else await flip(path, bit);
    const error = (await use().catch((reason: unknown) => reason)) as Error;
    expect(error, where).toBeInstanceOf(Error);
    expect(
      [RunDirectoryError, FormatError].some((kind) => error instanceof kind),
      where,
    ).toBe(true);
    expect(error.message, where).toContain(file);
    expect(error.message, where).toContain(remedy);
    if (file !== "record.json")
      expect((await readFile(at("damaged", "record.json"))).equals(before)).toBe(true);
    await rm(at("damaged"), { recursive: true });
  }
});

test("what the message advises helps", async () => {
  await copy("paused", "no curves");
  await rm(at("no curves", "metrics.jsonl"));
  const [notes, resumed] = [[] as string[], epochsResumed()];
  await train("no curves", { ...resumed, onNote: (line) => notes.push(line) });
  expect(resumed.found).toEqual([2]);
  expect(notes).toEqual([expect.stringMatching(/metrics\.jsonl is gone; the run goes on without/)]);

  await copy("paused", "no state");
  await rm(at("no state", "resume.safetensors"));
  const [afresh, notices] = [epochsResumed(), [] as string[]];
  await train("no state", { ...afresh, onNote: (line) => notices.push(line) });
  expect(afresh.found).toEqual([]);
  expect(notices).toEqual([expect.stringMatching(/resume\.safetensors is gone/)]);
  for (const name of ["no curves", "no state"]) {
    const found = await readFile(at(name, "checkpoint.safetensors"));
    expect(found.equals(await readFile(at("whole", "checkpoint.safetensors")))).toBe(true);
  }
});

test("a run goes on with the same images elsewhere, and with no others", async () => {
  await copy("paused", "moved");
  const others = await openData({ ...configuration.data, seed: 4 } as typeof configuration.data);
  const before = await readFile(at("moved", "record.json"));
  const refused = train("moved", {}, {}, others);
  await expect(refused).rejects.toThrow(DataMismatchError);
  await expect(refused).rejects.toThrow(/the train images are not those of .*moved: .*--data/);
  expect((await readFile(at("moved", "record.json"))).equals(before)).toBe(true);

  const elsewhere = { kind: "cifar10", directory: "elsewhere" };
  const resumed = epochsResumed();
  const record = await train("moved", resumed, { data: elsewhere });
  expect(resumed.found).toEqual([2]);
  expect(record.configuration.data).toEqual(elsewhere);
});

test("a purification goes on from the model it began with, and from no other", async () => {
  await copy("whole", "source");
  await expect(purify("purified", "source", stopping())).rejects.toThrow(enough);
  const directory = new RunDirectory(at("source"));
  const changed = await readFile(directory.file("checkpoint"));
  changed[changed.length - 2] = (changed[changed.length - 2] ?? 0) ^ 1;
  await directory.write("checkpoint", changed);
  const record = await directory.record();
  const files = { ...record.files, "checkpoint.safetensors": fileHash(changed) };
  await directory.writeRecord({ ...record, files });
  const refused = purify("purified", "source");
  await expect(refused).rejects.toThrow(RunDirectoryError);
  await expect(refused).rejects.toThrow(
    /purified holds a run from the model of .*source, whose checkpoint had/,
  );
  await rm(at("source"), { recursive: true });
  await copy("whole", "source");
  const resumed = epochsResumed();
  await purify("purified", "source", resumed);
  expect(resumed.found).toEqual([2]);
});

/** Makes a record what the first version of the format had. */
async function toVersion1(name: string): Promise<void> {
  const path = at(name, "record.json");
  const record = JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;
  const { files: _, next: __, sha256: ___, ...others } = record;
  await writeFile(path, JSON.stringify({ ...others, version: 1 }));
}

test("runs of records of version 1 are used and continued, with a note", async () => {
  for (const name of ["whole", "paused"]) {
    await copy(name, `old ${name}`);
    await toVersion1(`old ${name}`);
  }
  const notes: string[] = [];
  const onNote = (line: string) => notes.push(line);
  await evaluate("old whole", { onNote });
  expect(notes).toEqual([
    expect.stringMatching(
      /old whole: its record is of version 1, so its model could not be verified/,
    ),
  ]);
  const resumed = epochsResumed();
  const record = await train("old paused", { ...resumed, onNote });
  expect(resumed.found).toEqual([2]);
  expect(record).toMatchObject({ version: 2, state: "finished" });
  expect(notes[1]).toMatch(/old paused: its record is of version 1 and names no hashes/);
  await flip(at("old paused", "checkpoint.safetensors"), 12345);
  await expect(openSourceRun(at("old paused"))).rejects.toThrow("was damaged or changed");
});

test("what is refused leaves no directory, and what left nothing binds nobody", async () => {
  const attack = { name: "sig", rate: 0.9, target: 1, options: {} };
  await expect(train("refused", {}, { attack })).rejects.toThrow(RangeError);
  await expect(
    train("refused", {}, { training: { ...configuration.training, precision: "mixed" } }),
  ).rejects.toThrow("16-bit");
  expect(await readdir(folder)).not.toContain("refused");

  const early = {
    onStep: () => {
      throw enough;
    },
  };
  await expect(train("refused", early, { seed: 5 })).rejects.toThrow(enough);
  expect(await readdir(at("refused"))).toEqual(["record.json"]);
  expect(await train("refused")).toMatchObject({ state: "finished", configuration: { seed: 7 } });
});

test("one run at a time works in a directory, examinations too", async () => {
  const seen: string[] = [];
  const onStage = () => seen.push(...readdirSync(at("busy")));
  const tries = [
    (hooks: RunHooks = {}) => train("busy", hooks),
    (hooks: RunHooks = {}) => evaluate("whole", hooks, "busy"),
  ];
  for (const start of tries) {
    const lock = await lockDirectory(at("busy"));
    const refused = start();
    await expect(refused).rejects.toThrow(RunDirectoryError);
    await expect(refused).rejects.toThrow(
      `process ${process.pid} is working in ${at("busy")}; wait for it, or choose another --out`,
    );
    await lock.release();
    seen.length = 0;
    await start({ onStage });
    expect(seen).toContain("run.lock");
    expect(await readdir(at("busy"))).not.toContain("run.lock");
    await rm(at("busy"), { recursive: true });
  }
});

test("what dead processes left is removed, and seconds never run backwards", async () => {
  await copy("paused", "littered");
  for (const name of ["record.json", "resume.safetensors"]) {
    await writeFile(at("littered", `${name}.0123456789ab.tmp`), "half");
  }
  await writeFile(at("littered", "notes.tmp"), "mine");
  await train("littered");
  expect((await readdir(at("littered"))).filter((name) => name.endsWith(".tmp"))).toEqual([
    "notes.tmp",
  ]);

  let now = Date.now();
  const clock = vi.spyOn(Date, "now").mockImplementation(() => (now -= 60_000));
  const { seconds } = await evaluate("whole");
  clock.mockRestore();
  expect(seconds).toBeGreaterThanOrEqual(0);
});

test("a finished run whose report is gone gets it again, and nothing else", async () => {
  await copy("whole", "unreported");
  const path = new RunDirectory(at("unreported"));
  await rm(path.file("report"));
  const before = await readFile(path.file("record"));
  let steps = 0;
  await train("unreported", { onStep: () => steps++ });
  expect(steps).toBe(0);
  expect((await readFile(path.file("record"))).equals(before)).toBe(true);
  expect(await readFile(path.file("report"), "utf8")).toContain("<title>A resnet18 with a blended");
  await expect(train("unreported")).rejects.toThrow("holds a finished train run");
});
