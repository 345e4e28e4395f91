import { Command, CommanderError } from "commander";
import { expect, test } from "vitest";
import { attacks, defineAttack } from "../../src/attacks/index.js";
import { given, usage, withFlags } from "../../src/cli/given.js";
import { dataChoice, purifyChoice, trainSettings } from "../../src/lab/records/configuration.js";
import { defineModel, type ModelDefinition } from "../../src/models/definition.js";
import { resnet18 } from "../../src/models/resnet.js";
import {
  choiceOf,
  flag,
  integer,
  oneOf,
  parse,
  Registry,
  type Schema,
  settings,
} from "../../src/schema/index.js";

/** What a command with a schema's options makes of these arguments, or its error. */
function said(schema: Schema<unknown>, text: string, except: readonly string[] = []): unknown {
  const command = new Command("x").exitOverride().configureOutput({ writeErr: () => undefined });
  withFlags(command, { schema, except });
  let result: unknown;
  command.action((_: object, self: Command) => {
    const values = given(self, { schema, except });
    result = usage(self, () => parse(schema, values, "x", "given"));
  });
  try {
    command.parse(
      text.split(" ").filter((part) => part !== ""),
      { from: "user" },
    );
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    expect(error.exitCode).toBe(2);
    return error.message;
  }
  return result;
}

const images = settings("images", { data: dataChoice });
const data = (text: string) => said(images, `--data ${text}`);

test.each([
  ["cifar10:a/b:c,d", { kind: "cifar10", directory: "a/b:c,d" }],
  ["synthetic", { kind: "synthetic", train: 6000, test: 2000, seed: 0 }],
  ["synthetic:450", { kind: "synthetic", train: 450, test: 2000, seed: 0 }],
  ["synthetic:450,70", { kind: "synthetic", train: 450, test: 70, seed: 0 }],
  ["synthetic:450,70,9", { kind: "synthetic", train: 450, test: 70, seed: 9 }],
])("%s is a source", (text, source) => {
  expect(data(text)).toEqual({ data: source });
});

test.each([
  ["cifar10", "CIFAR-10 needs its directory: cifar10:DIRECTORY"],
  ["cifar10:", "CIFAR-10 needs its directory"],
  ["synthetic:1e3", 'it must be an integer of at least 1, not "1e3"'],
  ["synthetic:5,", 'it must be an integer of at least 1, not ""'],
  ["synthetic:1,2,3,4", 'it must be [TRAIN[,TEST[,SEED]]], not "1,2,3,4"'],
  ["mnist:x", 'there is no data source "mnist"; there are cifar10, synthetic'],
  ["cifar:x", "did you mean cifar10?"],
])("%j is no source", (text, message) => {
  expect(data(text)).toContain(`error: option '--data <source>': `);
  expect(data(text)).toContain(message);
});

test("everything that a run is told goes where its configuration has it", () => {
  const text =
    "--attack badnets --rate 0.05 --target 3 --attack-option size=4 --attack-option pattern=grid " +
    "--width 8 --epochs 2 --lr 2.5e-3 --no-flip --pad 1 --split held-out-random --curve 300 " +
    "--tuning-fraction 0.1 --weights-seed 5 --precision mixed";
  expect(said(trainSettings, text)).toEqual(
    trainSettings.fill({
      attack: {
        ...{ name: "badnets", rate: 0.05, target: 3, mapping: "all-to-one" },
        options: { size: 4, pattern: "grid" },
      },
      model: { architecture: "resnet18", width: 8 },
      training: {
        ...{ epochs: 2, lr: 0.0025, precision: "mixed" },
        augmentation: { pad: 1, flip: false },
      },
      split: { scheme: "held-out-random", fraction: 0.1 },
      curve: { clean: 300, triggered: 150 },
      seeds: { weights: 5 },
    }),
  );
  expect(said(trainSettings, "")).toEqual(trainSettings.fill());
  expect(said(trainSettings, "--attack none")).toMatchObject({ attack: null });
  expect(said(trainSettings, "--curve 300,7")).toMatchObject({
    curve: { clean: 300, triggered: 7 },
  });
});

test.each([
  [
    "--attack sig --attack-option delta=4O",
    'attack: options: delta must be a finite number, not "4O"',
  ],
  [
    "--attack badnets --attack-option pattern=gird",
    'pattern must be one of "white", "grid", not "gird"; did you mean "grid"?',
  ],
  [
    "--attack blended --attack-option picture=smoth",
    'picture must be "noise" or "smooth" or a PNG or JPEG file, not "smoth"; did you mean "smooth"?',
  ],
  [
    "--attack sig --attack-option detla=4",
    'attack: options has no option detla ("4"); attack sig has delta, frequency; did you mean delta?',
  ],
  ["--attack-option alpha", 'it must be name=value, not "alpha"'],
  ["--attack none --rate 0.1", "option '--rate <share>': there is no attack with --attack none"],
  ["--attack none --attack-option size=3", "there is no attack with --attack none"],
  ["--attack blend", 'there is no attack "blend"; there are badnets, blended, sig, '],
  ["--rate 1.5", "option '--rate <share>': it must be a number above 0 and at most 1, not 1.5"],
  ["--epochs 0", "it must be an integer of at least 1, not 0"],
  ["--lr Infinity", 'it must be a number of at least 0, not "Infinity"'],
  ["--curve some", 'it must be an integer of at least 0, not "some"'],
  ["--architecture resnet50", 'there is no model "resnet50"; there are resnet18, resnet34'],
])("train %s is wrong usage", (text, message) => {
  expect(said(trainSettings, text)).toContain(message);
});

test("a purification takes its method's options", () => {
  const text = "--method ft --epochs 3 --batch-norm frozen --project-at-start --no-redraw-bias";
  expect(said(purifyChoice, text, ["victim"])).toMatchObject({
    method: "ft",
    tuning: { epochs: 3, batchNorm: "frozen", projectAtStart: true, redrawBias: false, alpha: 0.2 },
  });
  expect(said(purifyChoice, "--momentum 1", ["victim"])).toContain(
    "it must be a number of at least 0 and below 1, not 1",
  );
});

test("an option of true and false survives the command line and its own record", () => {
  const toy = defineAttack({
    ...{ name: "toy", title: "Toy", doc: "nothing", source: "this test", kind: "dirty-label" },
    options: {
      loud: flag({ default: false }),
      still: flag({ default: true }),
      mood: oneOf(["a", "b"], { optional: true }),
    },
    make: () => (image) => image,
  });
  attacks.add(toy);
  const found = said(
    trainSettings,
    "--attack toy --attack-option loud=true --attack-option still=false",
  );
  expect(found).toMatchObject({ attack: { options: { loud: true, still: false } } });
  const written = JSON.parse(JSON.stringify(found)) as unknown;
  expect(trainSettings.read(written, "record.json: configuration")).toEqual(found);
  expect(said(trainSettings, "--attack toy --attack-option loud=yes")).toContain(
    'loud must be true or false, not "yes"',
  );
});

test("two things may share an option, but not with what is always there", () => {
  const network = (name: string, options: object) =>
    defineModel({
      ...{ name, title: name, doc: "a toy", source: "this test" },
      options: options as { depth: ReturnType<typeof integer> },
      make: () => resnet18(),
    });
  const choice = (...toys: ReturnType<typeof network>[]) =>
    settings("x", {
      size: integer({ default: 1 }),
      model: choiceOf({
        registry: new Registry<ModelDefinition>("model", toys),
        ...{
          tag: "kind",
          under: "",
          fields: {},
          default: "a",
          doc: "",
          flag: "kind",
          style: "flags",
        },
      }),
    });
  const a = network("a", { depth: integer({ min: 1, default: 2 }), warm: flag({ default: true }) });
  const b = network("b", {
    depth: integer({ min: 5, default: 6 }),
    warm: flag({ default: false }),
  });
  const both = choice(a, b);
  expect(said(both, "--depth 3 --no-warm")).toEqual({
    size: 1,
    model: { kind: "a", depth: 3, warm: false },
  });
  expect(said(both, "--kind b --depth 7 --warm")).toEqual({
    size: 1,
    model: { kind: "b", depth: 7, warm: true },
  });
  expect(said(both, "--kind b --depth 3")).toContain("it must be an integer of at least 5, not 3");
  const taken = choice(a, network("c", { size: integer({ default: 2 }) }));
  expect(() => said(taken, "")).toThrow("--kind c: --size is taken by another option");
  const apart = choice(a, network("c", { depth: flag({ default: false }) }));
  expect(() => said(apart, "")).toThrow("--depth is taken by another option");
});
