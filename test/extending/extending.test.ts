import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join, posix } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseRecord } from "../../src/lab/records/record.js";
import { CommandLine } from "../cli/command-line.js";

/*
 * A toy of each kind: the example of docs/extending.md as one file, and one line that registers it.
 */
const registered = `
import { attacks } from "./src/attacks/index.ts";
import { dataSources } from "./src/data/sources.ts";
import { defenses } from "./src/defenses/index.ts";
import { models } from "./src/models/registry.ts";
import { adamTuning } from "./test/extending/adam-tuning.ts";
import { barsData } from "./test/extending/bars.ts";
import { stripe } from "./test/extending/stripe.ts";
import { twoLayers } from "./test/extending/two-layers.ts";
attacks.add(stripe);
defenses.add(adamTuning);
models.add(twoLayers);
dataSources.add(barsData);
`;

let cli: CommandLine;
beforeAll(async () => {
  cli = await CommandLine.build(registered);
});
afterAll(() => cli.remove());

/** A text with its imports as paths from the project's root, in alphabetical order. */
function normalised(text: string, folder: string): string[] {
  const lines = text
    .split("\n")
    .map((line) =>
      line.replace(/from "(\.[^"]+)"/, (_, path) => `from "${posix.join(folder, path)}"`),
    );
  const isImport = (line: string): boolean => line.startsWith("import ");
  return [...lines.filter(isImport).sort(), ...lines.filter((line) => !isImport(line))];
}

test("the examples of docs/extending.md are the files that this test runs", () => {
  const docs = readFileSync(join(import.meta.dirname, "../../docs/extending.md"), "utf8");
  const examples = [...docs.matchAll(/```ts (\S+)\n(.*?)```/gs)];
  for (const [, path = "", text = ""] of examples) {
    const file = readFileSync(join(import.meta.dirname, basename(path)), "utf8");
    expect(normalised(text, join("src", dirname(path)))).toEqual(
      normalised(file, "test/extending"),
    );
  }
  const files = readdirSync(import.meta.dirname).filter((name) => !name.endsWith(".test.ts"));
  expect(examples.map(([, path = ""]) => basename(path)).sort()).toEqual(files.sort());
});

const tiny = "--device cpu --threads 1".split(" ");
const train = [
  ..."train --data bars:60,20 --architecture two-layers --channels 5 --attack stripe".split(" "),
  ..."--attack-option row=5 --attack-option solid=false --rate 0.2 --tuning-fraction 0.4".split(
    " ",
  ),
  ..."--batch-size 9 --curve 0 --epochs 60 --seed 4 --weights-seed 6".split(" "),
  ...tiny,
];
const recordAt = async (name: string) =>
  parseAny(await readFile(join(cli.folder, name, "record.json"), "utf8"));
const checkpoint = (name: string) => readFile(join(cli.folder, name, "checkpoint.safetensors"));

/** The record as it stands: the toys are registered in the other process, and not in this one. */
const parseAny = (text: string) =>
  JSON.parse(text) as { state: string; configuration: object; metrics: { loss: number } | null };

/** Runs a command and stops it by Ctrl-C when an epoch is over. */
const stopped = (args: readonly string[]) => {
  let sent = false;
  return cli.run(args, (stderr, child) => {
    if (sent || !/epoch \d+\/\d+ /.test(stderr)) return;
    sent = true;
    child.kill("SIGINT");
  });
};

test("a toy attack, model and data set have help, a record and a run that resumes", async () => {
  const help = await cli.run(["train", "--help"]);
  expect(help.stdout).toMatch(
    /stripe +a white row across the image\n +row=2 +the row, from the top/,
  );
  expect(help.stdout).toContain("solid=true  every pixel of it");
  expect(help.stdout).toContain("bars[:TRAIN[,TEST[,SEED]]] (bars in noise, drawn by code)");
  expect(help.stdout.replace(/\s+/g, " ")).toContain("the network: resnet18, resnet34, two-layers");
  expect(help.stdout).not.toMatch(/--channels <n>/);
  const modelHelp = await cli.run(["train", "--architecture", "two-layers", "--help"]);
  expect(modelHelp.stdout).toMatch(/--channels <n> +channels of its convolution \(default: 4\)/);
  expect(modelHelp.stdout).not.toMatch(/--width <n>/);

  const whole = await cli.run([...train, "--out", "whole", "--json"]);
  expect(whole).toMatchObject({ code: 0 });
  const { configuration } = parseAny(whole.stdout);
  expect(configuration).toMatchObject({
    data: { kind: "bars", train: 60, test: 20, seed: 0 },
    model: { architecture: "two-layers", channels: 5 },
    attack: { name: "stripe", rate: 0.2, target: 0, options: { row: 5, solid: false } },
    seeds: { split: 4, poison: 4, weights: 6, batches: 4 },
  });

  expect(await stopped([...train, "--out", "stopped"])).toMatchObject({ code: 130 });
  expect((await recordAt("stopped")).state).toBe("interrupted");
  const resumed = await cli.run(["train", "--resume", "stopped", ...tiny, "--json"]);
  expect(resumed.stderr).toMatch(/going on after epoch \d+/);
  expect(parseAny(resumed.stdout).configuration).toEqual(configuration);
  expect((await checkpoint("stopped")).equals(await checkpoint("whole"))).toBe(true);
});

test("a toy defense too", async () => {
  const help = await cli.run(["purify", "--method", "adam-tuning", "--help"]);
  expect(help.stdout).toMatch(/adam-tuning +tunes the whole model with Adam/);
  expect(help.stdout).toMatch(/--lr <rate> +learning rate \(default: 0.001\)/);
  expect(help.stdout).not.toMatch(/--alpha <x>/);

  const purify = ["purify", "whole", "--method", "adam-tuning", "--epochs", "60", "--curve", "0"];
  const whole = await cli.run([...purify, ...tiny, "--out", "tuned", "--json"]);
  expect(whole).toMatchObject({ code: 0 });
  const { configuration, metrics } = parseAny(whole.stdout);
  expect(configuration).toMatchObject({
    method: "adam-tuning",
    tuning: { epochs: 60, lr: 0.001, seed: 0 },
    victim: { attack: { options: { row: 5, solid: false } } },
  });
  expect(metrics?.loss).toBeGreaterThan(0);
  expect(await stopped([...purify, ...tiny, "--out", "tuned-2"])).toMatchObject({ code: 130 });
  const again = await cli.run([...purify, ...tiny, "--out", "tuned-2"]);
  expect(again.stderr).toMatch(/going on after epoch \d+/);
  expect((await checkpoint("tuned-2")).equals(await checkpoint("tuned"))).toBe(true);
  const evaluated = await cli.run(["evaluate", "tuned-2", ...tiny, "--json"]);
  expect(evaluated).toMatchObject({ code: 0 });

  const refused = await cli.run([...purify, "--alpha", "1", ...tiny, "--out", "x"]);
  expect(refused).toMatchObject({ code: 2, stdout: "" });
  expect(refused.stderr).toContain(
    "'--alpha <x>': it is an option of --method ft, not of adam-tuning",
  );
});

test("what is registered elsewhere is refused by name in a record", async () => {
  const text = await readFile(join(cli.folder, "whole", "record.json"), "utf8");
  expect(() => parseRecord(text, "record.json")).toThrow(
    'record.json: configuration: data: kind must be one of "cifar10", "synthetic", not "bars"',
  );
});
