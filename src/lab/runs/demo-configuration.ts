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
 * The demo's sizes: two CPU cores take a minute or two, and the effect is plain. The set is small, so
 * that 2% are 108 poisoned images; fewer, or the noise picture that CIFAR-10's 49,000 images teach at
 * 1%, are not learned in so few steps. The defender has 600 clean images.
 */
export function demoConfiguration(choices: DemoChoices = {}): DemoConfiguration {
  const { seed, methods, data, width, epochs, precision } = demoChoices.fill(choices);
  const victim = trainSettings.fill({
    ...{ seeds: sameSeeds(seed), data, model: { architecture: "resnet18", width } },
    attack: {
      ...{ name: "blended", rate: 0.02, target: 0 },
      options: { picture: "smooth", alpha: 0.3 },
    },
    split: { fraction: 0.1 },
    training: { epochs, precision, augmentation: { pad: 2 } },
  });
  return { victim, methods, tuning: { ...tuningDefaults, seed, precision } };
}
