import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { attacks } from "../../src/attacks/index.js";
import { readSafetensors } from "../../src/io/safetensors.js";
import type { TrainRecord } from "../../src/lab/records/record.js";
import { parseRecord } from "../../src/lab/records/record.js";
import { RunDirectory } from "../../src/lab/runs/run-directory.js";
import type { ChildResult } from "../support/child.js";
import { CommandLine } from "./command-line.js";

let cli: CommandLine;
beforeAll(async () => {
  cli = await CommandLine.build();
});
afterAll(() => cli.remove());

const tiny = "--device cpu --threads 1 --curve 20,10".split(" ");
const victim = [
  ..."train --data synthetic:150,60 --attack blended --rate 0.1 --width 2".split(" "),
  ..."--batch-size 16 --tuning-fraction 0.2".split(" "),
  ...tiny,
];
const train = (out: string, ...more: string[]) => cli.run([...victim, "--out", out, ...more]);
const content = (...path: string[]) => readFile(join(cli.folder, ...path));
const record = (run: ChildResult) => parseRecord(run.stdout, "stdout");

test("attacks lists every attack with what it assumes and how visible it is", async () => {
  const { code, stdout } = await cli.run(["attacks", "--data", "synthetic:1,20"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^attack +label +needs +L2 +Linf +PSNR +SSIM\nbadnets +dirty +the images/);
  expect(stdout).toMatch(/\nwanet +dirty +the training +\d\.\d\d +\d+ +\d\d\.\d +0\.\d{3}\n/);
  const json = await cli.run(["attacks", "--data", "synthetic:1,20", "--json"]);
  const rows = JSON.parse(json.stdout) as { name: string; source: string }[];
  expect(rows.map(({ name }) => name)).toEqual([...attacks].map(({ name }) => name));
  expect(rows.every(({ source }) => source.length > 10)).toBe(true);
});

test("runs lists what there is, and tells what cannot be read", async () => {
  const none = await cli.run(["runs", "nowhere"]);
  expect(none).toMatchObject({ code: 1 });
  expect(none.stderr).toContain("nowhere");
  await train("listed/victim", "--epochs", "1");
  await mkdir(join(cli.folder, "listed/broken"));
  await writeFile(join(cli.folder, "listed/broken/record.json"), "{");
  const { code, stdout, stderr } = await cli.run(["runs", "listed"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /^run +kind +state +of +C-ACC +ASR +RA\n *listed\/victim +train +finished +blended 10% +\d/,
  );
  expect(stderr).toContain("listed/broken/record.json is not JSON");
  const json = await cli.run(["runs", "listed", "--json"]);
  expect(parseRecord(json.stdout, "line").kind).toBe("train");
});

test("train, purify and evaluate make a chain of runs, and stdout holds the record alone", async () => {
  const trained = await train("victim", "--epochs", "2", "--json");
  expect(trained).toMatchObject({ code: 0, signal: null });
  const victimRecord = record(trained);
  expect(JSON.parse(trained.stdout)).toEqual(
    JSON.parse(`${await content("victim", "record.json")}`),
  );
  expect(victimRecord).toMatchObject({
    kind: "train",
    state: "finished",
    configuration: { attack: { name: "blended", rate: 0.1, target: 0 }, model: { width: 2 } },
    metrics: { poisonedImages: 12, examination: { cleanImages: 60 } },
    device: { kind: "cpu", threads: 1 },
  });
  expect(victimRecord.command).toEqual([...victim, "--out", "victim", "--epochs", "2", "--json"]);
  expect(trained.stderr).toMatch(/epoch 1\/2 {2}loss \d\.\d{4} {2}C-ACC \d+\.\d\d% {2}ASR/);

  const purify = ["purify", "victim", "--method", "fst", "--epochs", "2", "--batch-size", "13"];
  const purified = await cli.run([...purify, ...tiny, "--alpha", "0.1", "--out", "purified"]);
  expect(purified).toMatchObject({ code: 0 });
  expect(purified.stdout).toMatch(
    /^ +C-ACC +ASR +RA +DER\nbefore +\d.*\nfst +\d.*\d\.\d{3}\n\nThe model before .* not learned/,
  );
  const purifyRecord = parseRecord(`${await content("purified", "record.json")}`, "purified");
  expect(purifyRecord).toMatchObject({
    kind: "purify",
    configuration: { method: "fst", tuning: { epochs: 2, alpha: 0.1, batchSize: 13 } },
    data: { tuning: { images: 30 } },
    lineage: { directory: "victim" },
    metrics: { before: victimRecord.kind === "train" && victimRecord.metrics?.examination },
  });

  const evaluated = await cli.run(["evaluate", "purified", "--json", ...tiny.slice(0, 4)]);
  expect(evaluated).toMatchObject({ code: 0 });
  expect(record(evaluated)).toMatchObject({
    kind: "evaluate",
    metrics: { examination: purifyRecord.kind === "purify" && purifyRecord.metrics?.after },
  });

  const { tensors } = readSafetensors(await content("purified", "checkpoint.safetensors"));
  expect(tensors.get("linear.weight")?.shape).toEqual([10, 16]);
  expect(tensors.get("layer1.0.bn2.running_var")?.shape).toEqual([2]);
  const report = `${await content("purified", "report.html")}`;
  expect(report).toContain("shiftgrad purify victim --method fst");
  expect(report.match(/<svg/g)).toHaveLength(2);
  expect(report.match(/data:image\/bmp/g)).toHaveLength(18);
});

test("a finished run is not overwritten, other data are refused", async () => {
  const before = await content("victim", "record.json");
  const again = await train("victim", "--epochs", "2");
  expect(again).toMatchObject({ code: 1, stdout: "" });
  expect(again.stderr).toContain("victim holds a finished train run");
  expect(again.stderr).toContain("choose another --out");
  expect((await content("victim", "record.json")).equals(before)).toBe(true);

  const other = await cli.run([
    "purify",
    "victim",
    "--data",
    "synthetic:160,60",
    "--out",
    "x",
    ...tiny,
  ]);
  expect(other).toMatchObject({ code: 1, stdout: "" });
  expect(other.stderr).toMatch(/train images are not those of victim: .*160 images.*150 images/);
  expect(await readdir(cli.folder)).not.toContain("x");

  await cp(join(cli.folder, "victim"), join(cli.folder, "damaged"), { recursive: true });
  await writeFile(join(cli.folder, "damaged", "record.json"), '{"format":"shiftgrad-run"');
  const damaged = await cli.run(["evaluate", "damaged"]);
  expect(damaged).toMatchObject({ code: 1, stdout: "" });
  expect(damaged.stderr).toMatch(/damaged.record\.json is not JSON/);
});

test("Ctrl-C leaves a run that goes on to the same end", async () => {
  const whole = await train("whole", "--epochs", "3");
  expect(whole).toMatchObject({ code: 0 });
  let sent = false;
  const stopped = await cli.run(
    [...victim, "--epochs", "3", "--out", "stopped"],
    (stderr, child) => {
      if (sent || !stderr.includes("epoch 1/3")) return;
      sent = true;
      child.kill("SIGINT");
    },
  );
  expect(stopped).toMatchObject({ code: 130, signal: null, stdout: "" });
  expect(stopped.stderr).toContain("go on with: shiftgrad train --resume stopped --device cpu\n");
  expect(parseRecord(`${await content("stopped", "record.json")}`, "stopped").state).toBe(
    "interrupted",
  );
  const early = await cli.run(["purify", "stopped", "--out", "y"]);
  expect(early).toMatchObject({ code: 1, stdout: "" });
  expect(early.stderr).toContain("stopped is not finished (interrupted); continue it first");

  const other = await train("stopped", "--epochs", "4");
  expect(other.code).toBe(1);
  expect(other.stderr).toContain("training.epochs (3 there, 4 now)");
  const goOn = ["train", "--resume", "stopped", ...tiny.slice(0, 4), "--json", "--data"];
  const elsewhere = await cli.run([...goOn, "synthetic:160,60"]);
  expect(elsewhere).toMatchObject({ code: 1, stdout: "" });
  expect(elsewhere.stderr).toMatch(/the train images are not those of stopped: .*160 images/);
  const resumed = await cli.run([...goOn, "synthetic:150,60"]);
  expect(resumed).toMatchObject({ code: 0 });
  expect(resumed.stderr).toMatch(/going on after epoch [12]/);
  expect(record(resumed).command).toContain("--width");
  const [found, expected] = [
    await content("stopped", "checkpoint.safetensors"),
    await content("whole", "checkpoint.safetensors"),
  ];
  expect(found.equals(expected)).toBe(true);
});

test("a refused command leaves its directory to the corrected one", async () => {
  const sig = await train("corrected", "--epochs", "1", "--attack", "sig", "--rate", "0.9");
  expect(sig).toMatchObject({ code: 1, stdout: "" });
  expect(await readdir(cli.folder)).not.toContain("corrected");
  expect(await train("corrected", "--epochs", "1")).toMatchObject({ code: 0 });
});

test("a training that diverges fails, and no advice leads there again", async () => {
  const run = await train("diverged", "--epochs", "1", "--lr", "1e30");
  expect(run).toMatchObject({ code: 1, stdout: "" });
  expect(run.stderr).toMatch(
    /shiftgrad: the (loss|update) .* step \d+.*: training diverged \(\S+ and/,
  );
  expect(run.stderr).toMatch(/lower the learning rate; no epoch is done yet in diverged\n$/);
  expect(JSON.parse(`${await content("diverged", "record.json")}`).state).toBe("interrupted");
});

test("demo trains once and purifies by each method", async () => {
  const run = await cli.run([
    ..."demo --data synthetic:1400,50 --methods lp,fst --width 2 --epochs 1 --out demo --json".split(
      " ",
    ),
    ...tiny.slice(0, 4),
  ]);
  expect(run).toMatchObject({ code: 0 });
  expect(record(run)).toMatchObject({ kind: "demo", configuration: { methods: ["lp", "fst"] } });
  expect((await readdir(join(cli.folder, "demo"))).sort()).toEqual([
    ...["fst", "lp", "record.json", "report.html", "victim"],
  ]);
  expect(`${await content("demo", "report.html")}`).toContain("Tuning by FST");
});

test.each([
  [[], 2, "Usage: shiftgrad"],
  [["grow"], 2, "unknown command 'grow'"],
  [
    ["train", "--rate", "1.5"],
    2,
    "option '--rate <share>': it must be a number above 0 and at most 1, not 1.5",
  ],
  [["train", "--data", "cifar10"], 2, "CIFAR-10 needs its directory: cifar10:DIRECTORY"],
  [
    ["train", "--attack", "wavenet"],
    2,
    'there is no attack "wavenet"; there are badnets, blended, sig, ',
  ],
  [["train", "--epochs", "2.5"], 2, 'it must be an integer of at least 1, not "2.5"'],
  [["purify", "victim", "--precision", "f16"], 2, 'it must be one of "f32", "mixed", not "f16"'],
  [
    ["train", "--data", "synthetic:60,20", "--precision", "mixed", "--device", "cpu", "--out", "m"],
    1,
    'precision "mixed" needs 16-bit floats',
  ],
  [["purify"], 2, "missing required argument 'run'"],
  [
    ["purify", "victim", "--method", "magic"],
    2,
    'there is no defense "magic"; there are ft, lp, fe-tuning',
  ],
  [["demo", "--methods", "ft,none"], 2, "it must be a list of ft, lp, fe-tuning, ft-init, fst"],
  [["train", "--device", "abacus"], 2, 'it must be one of "auto", "cpu", "webgpu", not "abacus"'],
  [["train", "--data", "cifar10:nowhere", "--device", "cpu"], 1, "cannot read batches.meta.txt"],
  [["evaluate", "nowhere"], 1, "nowhere is not a run directory"],
  [["train", "--resume", "nowhere"], 1, "nowhere is not a run directory"],
] as const)("%j exits with %i", async (args, code, message) => {
  const run = await cli.run(args);
  expect(run).toMatchObject({ code, stdout: "" });
  expect(run.stderr).toContain(message);
});

test("--resume with another option is a usage error", async () => {
  await cp(join(cli.folder, "victim"), join(cli.folder, "paused"), { recursive: true });
  const directory = new RunDirectory(join(cli.folder, "paused"));
  const finished = (await directory.record()) as TrainRecord;
  await directory.writeRecord({ ...finished, state: "interrupted", metrics: null });
  const resume = "train --resume paused --device cpu --threads 1 --subgroup-matrices".split(" ");
  const run = await cli.run([...resume, "--epochs", "5", "--variants", "preset"]);
  expect(run).toMatchObject({ code: 2, stdout: "" });
  expect(run.stderr).toContain(
    "--resume takes its configuration from the run; leave out --epochs, --variants\n",
  );
});

test.each([
  [["--help"], "shiftgrad demo"],
  [["train", "--help"], "--attack-option"],
  [["purify", "--help"], "re-draws the head, pushes it away from the original"],
  [["evaluate", "--help"], "ASR"],
  [["data", "cifar10", "--help"], "170 MB"],
  [["--version"], "0.1.0"],
] as const)("%j goes to stdout", async (args, text) => {
  const run = await cli.run(args);
  expect(run).toMatchObject({ code: 0, stderr: "" });
  expect(run.stdout).toContain(text);
});

test("device shows what there is, as JSON when asked", async () => {
  const run = await cli.run(["device", "--json"]);
  expect(run).toMatchObject({ code: 0 });
  const found = JSON.parse(run.stdout) as { auto: string; devices: { kind: string }[] };
  expect(["cpu", "webgpu"]).toContain(found.auto);
  expect(found.devices.map((d) => d.kind)).toEqual(["cpu", "webgpu"]);
  expect(found.devices[0]).toHaveProperty("info.threads");
});

test("data synthetic writes the set for other programs, and never over files", async () => {
  const args = ["data", "synthetic", "--train", "23", "--test", "11", "--out", "set"];
  expect(await cli.run(args)).toMatchObject({ code: 0 });
  const { tensors, metadata } = readSafetensors(await content("set", "train.safetensors"));
  expect(tensors.get("images")?.shape).toEqual([23, 32, 32, 3]);
  expect([...(tensors.get("labels")?.data ?? [])].slice(9, 12)).toEqual([9, 0, 1]);
  expect(metadata.classes?.split(",")).toHaveLength(10);
  const again = await cli.run(args);
  expect(again.code).toBe(1);
  expect(again.stderr).toContain("EEXIST");
});
