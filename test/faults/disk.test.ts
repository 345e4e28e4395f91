import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { openCpuDevice } from "../../src/device/cpu/open.js";
import { openData } from "../../src/lab/data-source.js";
import type { RunLeft } from "../../src/lab/sitting.js";
import { trainRun } from "../../src/lab/train-run.js";
import { useDevice } from "../support/devices.js";
import { buryLocks, disk } from "../support/faulty-disk.js";
import { type Bench, outcomeOf, type RunCase, runCases, victim } from "./runs.js";
import { all } from "./scale.js";

vi.mock("node:fs/promises", async (original) => {
  const { onFaultyDisk } = await import("../support/faulty-disk.js");
  return onFaultyDisk(await original());
});

const device = useDevice(openCpuDevice);
let bench: Bench;
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), "shiftgrad-faults-"));
  bench = { folder, device: device(), data: await openData(victim.data) };
  const directory = join(folder, "source");
  await trainRun({ ...bench, configuration: victim, directory });
});
afterAll(() => rm(bench.folder, { recursive: true }));

/** Runs a case in a new folder and counts its steps. */
async function sit(run: RunCase, name: string) {
  let steps = 0;
  let left: RunLeft | undefined;
  const notes: string[] = [];
  const error = await run
    .start(bench, join(bench.folder, name), {
      onStep: () => steps++,
      onNote: (line) => notes.push(line),
      onLeft: (found) => {
        left ??= found;
      },
    })
    .then(
      () => null,
      (reason: unknown) => reason as Error,
    );
  return { error, steps, left, notes };
}

const wholes = new Map<string, Promise<{ operations: number; outcome: object }>>();
/** The whole run, without a fault; and how many operations it takes. */
function whole(run: RunCase) {
  const found = wholes.get(run.name) ?? wholeRun(run);
  wholes.set(run.name, found);
  return found;
}

async function wholeRun(run: RunCase) {
  const name = `${run.name}-whole`;
  disk.folder = join(bench.folder, name);
  disk.set(null);
  const { error, steps } = await sit(run, name);
  expect(error).toBeNull();
  expect(steps).toBe(run.steps);
  return { operations: disk.count, outcome: await outcomeOf(join(bench.folder, name)) };
}

/** The operations that a fault is tried at. */
const points = (operations: number, sample: number): number[] => {
  const every = all ? 1 : Math.ceil(operations / sample);
  const first = 1 + Math.floor(Math.random() * every);
  return Array.from({ length: operations }, (_, i) => i + 1).filter(
    (n) => n % every === first % every,
  );
};

test.each(runCases)("$name: a death at any operation loses at most an epoch", async (run) => {
  const { operations, outcome } = await whole(run);
  expect(operations).toBeGreaterThan(20);
  for (const at of points(operations, run.name === "demo" ? 3 : 6)) {
    const name = `${run.name}-death-${at}`;
    disk.folder = join(bench.folder, name);
    disk.set({ at, code: "death" });
    const first = await sit(run, name);
    buryLocks(bench.folder);
    disk.set(null);
    const second = await sit(run, name);
    expect(second.error, `after death at operation ${at}`).toBeNull();
    expect(await outcomeOf(disk.folder), `after death at operation ${at}`).toEqual(outcome);
    expect(first.steps + second.steps).toBeLessThanOrEqual(run.steps + run.epoch);
    await rm(disk.folder, { recursive: true });
  }
});

test.each(runCases)("$name: a full disk is named, and the run goes on later", async (run) => {
  const { operations, outcome } = await whole(run);
  for (const at of points(operations, 3)) {
    const name = `${run.name}-full-${at}`;
    disk.folder = join(bench.folder, name);
    disk.set({ at, code: all && at % 2 ? "EIO" : "ENOSPC", lasting: at % 3 > 0 });
    const first = await sit(run, name);
    if (first.error) {
      const where = `at operation ${at}: ${first.error.message}`;
      expect(first.error.message, where).toMatch(/ENOSPC|EIO/);
      expect(first.error.message, where).toContain(disk.folder);
    }
    disk.set(null);
    buryLocks(bench.folder);
    const second = await sit(run, name);
    expect(second.error, `after a fault at operation ${at}`).toBeNull();
    expect(await outcomeOf(disk.folder), `after a fault at operation ${at}`).toEqual(outcome);
    expect(first.steps + second.steps).toBeLessThanOrEqual(run.steps + run.epoch);
    await rm(disk.folder, { recursive: true });
  }
});

const [train] = runCases as readonly [RunCase];

test("a report that cannot be written does not undo a training", async () => {
  const name = "no-report";
  disk.folder = join(bench.folder, name, "report.html");
  disk.set({ at: 1, code: "ENOSPC", lasting: true });
  const first = await sit(train, name);
  expect(first.error?.message).toMatch(
    /no-report is finished, and its report is not: cannot write .*report\.html: ENOSPC.*; repeat the command/,
  );
  expect(first.left).toMatchObject({ finished: true });
  disk.set(null);
  const second = await sit(train, name);
  expect(second).toMatchObject({ error: null, steps: 0 });
  expect((await readdir(join(bench.folder, name))).sort()).toEqual([
    ...["checkpoint.safetensors", "metrics.jsonl", "record.json", "report.html"],
  ]);
});

test("a second failure does not hide the first, and what is left is told", async () => {
  const name = "twice";
  disk.folder = join(bench.folder, name);
  const broken = train.start(bench, disk.folder, {
    onStep: ({ step }) => {
      if (step < 6) return;
      disk.set({ at: 1, code: "ENOSPC", lasting: true });
      throw new Error("the first");
    },
    onNote: (line) => expect(line).toMatch(/cannot write .*twice.*record\.json: ENOSPC/),
    onLeft: (left) => expect(left).toEqual({ directory: disk.folder, epochs: 1, finished: false }),
  });
  await expect(broken).rejects.toThrow("the first");
  expect.assertions(3);
  disk.set(null);
});

test("a folder that cannot be synced, as on network file systems, stops no run", async () => {
  disk.folder = join(bench.folder, "network");
  disk.set({ at: 1, code: "EINVAL", lasting: true, only: "sync folder" });
  expect(await sit(train, "network")).toMatchObject({ error: null });
  expect(disk.count).toBeGreaterThan(5);
  disk.folder = join(bench.folder, "broken");
  disk.set({ at: 3, code: "EIO", only: "sync folder" });
  expect((await sit(train, "broken")).error?.message).toMatch(/cannot write .*broken.*: EIO/);
  disk.set(null);
});
