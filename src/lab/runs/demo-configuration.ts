import { defenses, tuningDefaults } from "../../defenses/index.js";
import { type Given, integer, namesOf, settings } from "../../schema/index.js";
import { precisionField } from "../../training/precision.js";
import {
  type DemoConfiguration,
  dataChoice,
  sameSeeds,
  trainSettings,
} from "../records/configuration.js";

/** What may be chosen of the demo. */
export const demoChoices = settings("demo", {
  data: dataChoice,
  methods: namesOf(defenses, {
    default: ["ft", "fst"],
    doc: "what purifies the victim, commas between",
  }),
  width: integer({ min: 1, default: 8, doc: "channels of the network's first stage" }),
  epochs: integer({ min: 1, default: 8, doc: "epochs of the victim's training" }),
  seed: integer({ min: 0, default: 0, doc: "decides everything random" }),
  precision: precisionField,
});
export type DemoChoices = Given<typeof demoChoices.fields>;

/**
 * The demo: the synthetic set's own recipe, on whatever data; two CPU cores take a minute or two, and
 * the effect is plain.
 */
export function demoConfiguration(choices: DemoChoices = {}): DemoConfiguration {
  const { seed, methods, data, width, epochs, precision } = demoChoices.fill(choices);
  const { attack, split } = trainSettings.fill({});
  const victim = trainSettings.fill({
    ...{ seeds: sameSeeds(seed), data, model: { architecture: "resnet18", width }, attack, split },
    training: { epochs, precision, augmentation: { pad: 2 } },
  });
  return { victim, methods, tuning: { ...tuningDefaults, seed, precision } };
}
