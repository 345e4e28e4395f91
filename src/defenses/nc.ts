import { loadImages, replaceImages } from "../data/image-source.js";
import { epochOrder } from "../data/loader.js";
import { integer, number } from "../schema/index.js";
import { defineDefense } from "./defense.js";
import {
  anomalyIndices,
  type ReversedTrigger,
  reverseTrigger,
  stamped,
} from "./reversed-trigger.js";
import { sgdFields, tuneBySgd } from "./sgd.js";
import { trainOnly } from "./trainable.js";

const { epochs, ...loop } = sgdFields();

/**
 * Neural Cleanse: for each class the smallest trigger that leads clean images there is searched. A
 * class whose trigger is an outlier below the others has a backdoor; it is unlearned by tuning on clean
 * images of which a share carry the trigger under their own labels. Where no class is an outlier the
 * model stays as it is: that is the verdict "clean", and wrong for many large triggers. The search has
 * no pauses: an interrupted run begins again.
 */
export const neuralCleanse = defineDefense({
  name: "nc",
  title: "NC",
  doc: "searches a small trigger for each class and unlearns those that are outliers",
  source: "Wang et al., Neural Cleanse, IEEE Symposium on Security and Privacy 2019",
  options: {
    searchEpochs: integer({ min: 1, default: 10, doc: "passes over the images for each class" }),
    searchLr: number({
      above: 0,
      default: 0.1,
      doc: "Adam's rate in the search",
      placeholder: "rate",
    }),
    searchBatchSize: integer({ min: 1, default: 64, doc: "images a step of the search" }),
    success: number({
      above: 0,
      max: 1,
      default: 0.98,
      doc: "share of the images that a trigger must lead to its class",
      placeholder: "share",
    }),
    cost: number({ above: 0, default: 1e-3, doc: "first weight of the mask's size" }),
    patience: integer({ min: 1, default: 2, doc: "epochs alike until that weight is changed" }),
    outlier: number({
      above: 0,
      default: 2,
      doc: "anomaly index above which a class is unlearned",
    }),
    stampedShare: number({
      above: 0,
      max: 1,
      default: 0.2,
      doc: "share of the images that carry a trigger in unlearning",
      placeholder: "share",
    }),
    unlearnEpochs: epochs,
    ...loop,
  },
  passes: ({ searchEpochs, unlearnEpochs }, { classes }) =>
    (2 / 3) * searchEpochs * classes.length + unlearnEpochs,
  async run(model, clean, options, hooks) {
    const search = { ...options, batchSize: options.searchBatchSize };
    const found: ReversedTrigger[] = [];
    model.eval();
    const thaw = trainOnly(model, () => false);
    try {
      for (const [target, name] of clean.classes.entries()) {
        hooks.onStage?.(`the trigger of class ${name} (${target + 1}/${clean.classes.length})`);
        found.push(await reverseTrigger(model, clean, target, search, hooks));
      }
    } finally {
      thaw();
    }
    const indices = anomalyIndices(found.map(({ norm }) => norm));
    const flagged = found.filter((_, target) => (indices[target] ?? 0) > options.outlier);
    hooks.onStage?.(verdict(clean.classes, flagged, indices));
    if (flagged.length === 0) return;
    const images = await loadImages(clean);
    const count = images.labels.length;
    const chosen = epochOrder(count, options.seed, 0).slice(
      0,
      Math.max(1, Math.round(options.stampedShare * count)),
    );
    const triggerOf = new Map([...chosen].map((image, i) => [image, flagged[i % flagged.length]]));
    const marked = replaceImages(images, chosen, (image, index) =>
      stamped(image, triggerOf.get(index) as ReversedTrigger),
    );
    // The search is not repeated by what goes on, so unlearning has no pauses of its own.
    const { onPause: _, resume: __, ...others } = hooks;
    try {
      model.train();
      await tuneBySgd(model, marked, { ...options, epochs: options.unlearnEpochs }, others);
    } finally {
      model.eval();
    }
  },
});

function verdict(
  classes: readonly string[],
  flagged: readonly ReversedTrigger[],
  indices: readonly number[],
): string {
  if (flagged.length === 0) {
    const highest = Math.max(...indices).toFixed(2);
    return `no class is an outlier (highest anomaly index ${highest}): the model stays as it is`;
  }
  const named = flagged.map(({ target, norm, success }) => {
    const index = (indices[target] ?? 0).toFixed(2);
    return `${classes[target]} (anomaly index ${index}, ${norm.toFixed(1)} pixels, success ${success.toFixed(2)})`;
  });
  return `unlearning the trigger of ${named.join(", ")}`;
}
