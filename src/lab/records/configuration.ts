import { attacks, mappings } from "../../attacks/index.js";
import { dataSources } from "../../data/sources.js";
import { splitSchemes } from "../../data/split.js";
import { defenses, tuningSettings } from "../../defenses/index.js";
import { models } from "../../models/registry.js";
import {
  choiceOf,
  integer,
  listOf,
  nullable,
  number,
  oneOf,
  settings,
  text,
  type ValueOf,
  type Values,
} from "../../schema/index.js";
import { augmentationSettings } from "../../training/batch-input.js";
import { precisionField } from "../../training/precision.js";

/** Where images come from, so that a later run finds them again. */
export const dataChoice = choiceOf({
  registry: dataSources,
  tag: "kind",
  under: "",
  fields: {},
  default: "synthetic",
  doc: "the images",
  flag: "data",
  style: "inline",
});

const modelChoice = choiceOf({
  registry: models,
  tag: "architecture",
  under: "",
  fields: {},
  default: "resnet18",
  doc: "the network",
  flag: "architecture",
  style: "flags",
});

/** Which backdoor is planted, and where. */
const attackChoice = choiceOf({
  registry: attacks,
  tag: "name",
  under: "options",
  fields: {
    rate: number({
      above: 0,
      max: 1,
      default: 0.01,
      doc: "share of the training images that is poisoned",
      placeholder: "share",
    }),
    target: integer({
      min: 0,
      default: 0,
      doc: "the class that triggered images are to get",
      placeholder: "class",
    }),
    mapping: oneOf(mappings, {
      default: "all-to-one",
      past: "all-to-one",
      placeholder: "name",
      doc: "what triggered images are to get, the target or each class the next one",
    }),
  },
  default: "blended",
  doc: "the backdoor to plant",
  flag: "attack",
  style: "pairs",
});

const seed = (flag: string, doc: string) => integer({ min: 0, default: 0, flag, doc });

/** One for each thing that is drawn, so that a grid can hold some and vary others. */
const seeds = settings("seeds", {
  split: seed("split-seed", "decides which clean images the defender gets"),
  poison: seed("poison-seed", "decides which images are poisoned"),
  weights: seed("weights-seed", "decides the initial weights"),
  batches: seed("batches-seed", "decides the order of the images and their augmentation"),
});

/** How a victim is trained: SGD under a one-cycle schedule. */
const recipe = settings("training", {
  epochs: integer({ min: 1, default: 10, doc: "passes over the training images" }),
  batchSize: integer({ min: 1, default: 128, doc: "images a step" }),
  lr: number({
    min: 0,
    default: 0.1,
    doc: "highest rate of the one-cycle schedule",
    placeholder: "rate",
  }),
  momentum: number({ min: 0, max: 1, default: 0.9, doc: "momentum of SGD" }),
  weightDecay: number({ min: 0, default: 5e-4, doc: "L2 penalty" }),
  augmentation: augmentationSettings,
  precision: precisionField,
});
export type TrainingRecipe = Values<typeof recipe.fields>;
export const trainingDefaults: TrainingRecipe = recipe.fill();

const split = settings("split", {
  scheme: oneOf(splitSchemes, {
    default: "held-out-balanced",
    flag: "split",
    doc: "how the defender's images are drawn",
  }),
  fraction: number({
    above: 0,
    below: 1,
    default: 0.02,
    flag: "tuning-fraction",
    placeholder: "share",
    doc: "share of the images that the defender gets",
  }),
});

/** How many test images are looked at between epochs; 0 of both leaves the curves out. */
const curve = settings(
  "curve",
  {
    clean: integer({ min: 0, default: 1000, doc: "clean test images" }),
    triggered: integer({ min: 0, default: 500, doc: "triggered test images" }),
  },
  {
    inline: { flag: "curve", doc: "test images examined after each epoch; 0 for none" },
    // Half of the clean ones, where it is not said.
    before: ({ clean, ...others }, mode) =>
      mode === "given" && typeof clean === "number"
        ? { triggered: Math.ceil(clean / 2), clean, ...others }
        : { ...(clean !== undefined && { clean }), ...others },
  },
);

/** Everything that decides what a victim becomes. */
export const trainSettings = settings(
  "train",
  {
    data: dataChoice,
    model: modelChoice,
    /** Null trains a clean model. */
    attack: nullable(attackChoice),
    split,
    training: recipe,
    curve,
    seeds,
  },
  // One seed for all: a shorthand, and what records had before the seeds were told apart.
  {
    before: (value, mode) => (mode === "given" ? overRecipe(seedsApart(value)) : seedsApart(value)),
  },
);
export type TrainConfiguration = Values<typeof trainSettings.fields>;
export type DataSource = TrainConfiguration["data"];
export type ModelConfiguration = TrainConfiguration["model"];
export type AttackConfiguration = NonNullable<TrainConfiguration["attack"]>;
export type CurveConfiguration = TrainConfiguration["curve"];

/** One seed for everything that a victim's training draws. */
export const sameSeeds = (one: number): Values<typeof seeds.fields> => ({
  ...{ split: one, poison: one, weights: one, batches: one },
});

type Given = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Given =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What is asked for, and where nothing is, the recipe of the data set. */
function overRecipe(value: Given): Given {
  const { kind = dataChoice.choice.default } = isObject(value.data) ? value.data : {};
  const recipe = dataSources.find(kind)?.recipe;
  return recipe ? over(value, recipe) : value;
}

function over(value: Given, recipe: Given): Given {
  const merged = { ...recipe, ...value };
  for (const [key, suited] of Object.entries(recipe)) {
    const asked = value[key];
    if (!isObject(asked) || !isObject(suited)) continue;
    const { name, options, ...others } = suited;
    // The options of one attack are none of another's.
    const isOther = asked.name !== undefined && name !== undefined && asked.name !== name;
    merged[key] = over(asked, isOther ? others : suited);
  }
  return merged;
}

function seedsApart({ seed: one, ...others }: Readonly<Record<string, unknown>>) {
  if (one === undefined) return others;
  const { seeds: apart = {} } = others;
  const isObject = typeof apart === "object" && apart !== null;
  return { ...others, seeds: isObject ? { ...sameSeeds(one as number), ...apart } : apart };
}

/**
 * Everything that decides what a purified model becomes, given the checkpoint it starts from. The
 * victim tells where its data are.
 */
export const purifyChoice = choiceOf({
  registry: defenses,
  tag: "method",
  under: "tuning",
  fields: { curve, victim: trainSettings },
  default: "fst",
  doc: "how to purify",
  flag: "method",
  style: "flags",
});
export type PurifyConfiguration = ValueOf<typeof purifyChoice>;

export const evaluateSettings = settings("evaluate", { victim: trainSettings });
export type EvaluateConfiguration = Values<typeof evaluateSettings.fields>;

/** One victim, purified by several methods. */
export const demoSettings = settings("demo", {
  victim: trainSettings,
  methods: listOf(text({})),
  /** For those of the methods that have such options. */
  tuning: tuningSettings,
});
export type DemoConfiguration = Values<typeof demoSettings.fields>;
