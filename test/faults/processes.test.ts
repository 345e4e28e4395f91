import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { openSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseRecord } from "../../src/lab/read-record.js";
import { CommandLine } from "../cli/command-line.js";
import { outcomeOf } from "./runs.js";
import { all } from "./scale.js";

const victim =
  "train --data synthetic:150,60 --attack blended --rate 0.1 --width 2 --batch-size 16 --epochs 4 " +
  "--tuning-fraction 0.2 --device cpu --threads 1 --curve 20,10 --out";

let cli: CommandLine;
let whole: Record<string, string>;
beforeAll(async () => {
  cli = await CommandLine.build();
  expect(await cli.run([...victim.split(" "), "whole"])).toMatchObject({ code: 0 });
  whole = await outcomeOf(join(cli.folder, "whole"));
});
afterAll(() => cli.remove());

type Stream = "pipe" | number;

/** Starts the program with outputs of its own. */
function start(
  args: readonly string[],
  stdout: Stream,
  stderr: Stream,
  by: readonly string[] = [],
) {
  const [command = "", ...rest] = [...by, process.execPath, join(cli.folder, "cli.mjs"), ...args];
  const child = spawn(command, rest, { cwd: cli.folder, stdio: ["ignore", stdout, stderr] });
  let text = "";
  child.stderr?.on("data", (chunk) => {
    text += chunk;
  });
  const ended = new Promise<{ code: number | null; signal: string | null; stderr: string }>(
    (resolve) => child.on("close", (code, signal) => resolve({ code, signal, stderr: text })),
  );
  return { child, ended };
}

const train = (out: string, ...more: string[]) => [...victim.split(" "), out, ...more];
const record = async (out: string) =>
  parseRecord(await readFile(join(cli.folder, out, "record.json"), "utf8"), out);

/** Ends the program when it has written something on stderr. */
function when(child: ChildProcess, text: string, act: () => void): void {
  let seen = "";
  child.stderr?.on("data", (chunk) => {
    if (seen.includes(text)) return;
    seen += chunk;
    if (seen.includes(text)) act();
  });
}

test.each(all ? (["SIGHUP", "SIGTERM", "SIGINT"] as const) : (["SIGHUP"] as const))(
  "%s leaves a run that goes on, and says how",
  async (signal) => {
    const out = `stopped-${signal}`;
    const { child, ended } = start(train(out), "pipe", "pipe");
    when(child, "epoch 2/4", () => child.kill(signal));
    const code = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }[signal];
    const { stderr, ...end } = await ended;
    expect(end).toEqual({ code, signal: null });
    expect(stderr).toMatch(
      new RegExp(
        `\ninterrupted; [23] epochs are done and kept in ${out}; go on with: ` +
          `shiftgrad train --resume ${out} --device cpu\n$`,
      ),
    );
    expect(await record(out)).toMatchObject({ state: "interrupted" });
    expect((await readdir(join(cli.folder, out))).sort()).toEqual([
      ...["metrics.jsonl", "record.json", "resume.safetensors"],
    ]);
    const again = await cli.run([
      "train",
      "--resume",
      out,
      ..."--device cpu --threads 1".split(" "),
    ]);
    expect(again).toMatchObject({ code: 0 });
    expect(await outcomeOf(join(cli.folder, out))).toEqual(whole);
  },
);

test("outputs that nobody reads, or that are full, end no training", async () => {
  const closed = start(train("closed", "--json"), "pipe", "pipe");
  closed.child.stdout?.destroy();
  when(closed.child, "epoch 1/4", () => closed.child.stderr?.destroy());
  expect(await closed.ended).toMatchObject({ code: 0, signal: null });
  expect(await outcomeOf(join(cli.folder, "closed"))).toEqual(whole);
  if (process.platform !== "linux") return;
  const full = openSync("/dev/full", "w");
  const noErrors = await start(train("no-stderr"), "pipe", full).ended;
  expect(noErrors).toMatchObject({ code: 0, signal: null });
  expect(await outcomeOf(join(cli.folder, "no-stderr"))).toEqual(whole);
  // What was asked for on stdout is not there: that is no success, though the run is.
  const noOutput = await start(["evaluate", "whole", "--device", "cpu", "--json"], full, "pipe")
    .ended;
  expect(noOutput).toMatchObject({ code: 1, signal: null });
  expect(noOutput.stderr).toMatch(/shiftgrad: what was printed is lost: ENOSPC/);
});

test("kill -9 at any moment leaves a run that goes on to the same end", async () => {
  for (let trial = 0; trial < (all ? 100 : 2); trial++) {
    const { child, ended } = start(train("killed"), "pipe", "pipe");
    const delay = 300 + Math.random() * 1500;
    const timer = setTimeout(() => child.kill("SIGKILL"), delay);
    await ended;
    clearTimeout(timer);
    const again = await cli.run(train("killed"));
    // It may have been done before.
    if (again.code !== 0) expect(again.stderr).toContain("killed holds a finished train run");
    expect(await outcomeOf(join(cli.folder, "killed")), `after ${delay} ms`).toEqual(whole);
    await rm(join(cli.folder, "killed"), { recursive: true });
  }
});

const namespace = ["unshare", "--pid", "--fork", "--kill-child"];
const contained =
  all && spawnSync(namespace[0] ?? "", [...namespace.slice(1), "true"]).status === 0;

test.runIf(contained)(
  "kill -9 of the first process of a container, which the next is too",
  async () => {
    for (const by of [namespace, [...namespace, "--mount-proc"]]) {
      const out = `container-${by.length}`;
      const { child, ended } = start(train(out), "pipe", "pipe", by);
      when(child, "epoch 1/4", () => child.kill("SIGKILL"));
      await ended;
      expect(await record(out)).toMatchObject({ state: "running" });
      expect(await start(train(out), "pipe", "pipe", by).ended).toMatchObject({ code: 0 });
      expect(await outcomeOf(join(cli.folder, out))).toEqual(whole);
    }
  },
);
