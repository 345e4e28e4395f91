import { Builder } from "./build.js";
import { type DrawnNetwork, drawNetwork, type NetworkFeatures, normsOf } from "./draw-network.js";
import type { NetworkPlan } from "./network.js";
import type { Id, Program } from "./program.js";
import type { Choices } from "./random.js";
import { add, affine, mul, square } from "./reference/elementwise.js";
import { crossEntropy } from "./reference/layers.js";
import * as moving from "./reference/moving.js";
import { sizeOf } from "./reference/value.js";

/** What a training may do beside steps of one network with one head. */
export interface TrainingFeatures extends NetworkFeatures {
  /** Layers in evaluation mode, and predictions in between, with norms folded or not. */
  readonly modes: boolean;
  /** `place` a second time. */
  readonly placeAgain: boolean;
  /** The share of trainings that do something illegal, and what. */
  readonly trouble: number;
  readonly troubles: readonly TrainingTrouble[];
}

const troubles = [
  "early step",
  "second step",
  "step between",
  "write",
  "train between",
  "again",
] as const;
export type TrainingTrouble = (typeof troubles)[number];

export const wholeTraining: TrainingFeatures = {
  ...{ unreached: true, ties: true, containers: true, modes: true, placeAgain: true },
  ...{ trouble: 0.35, troubles },
};

/** A few training steps, in the ways of PyTorch's loops. */
export function drawTraining(random: Choices, features: TrainingFeatures): Program {
  const drawn = drawNetwork(random, features);
  const { network } = drawn;
  const b = new Builder(random, { scoped: random.chance(0.8), network });
  const troubled = random.chance(features.trouble);
  const rounds = random.integer(2, 3);
  for (let round = 0; round < rounds && !b.over; round++) {
    if (features.modes) drawModes(b, drawn);
    if (random.chance(0.1)) overwrite(b, drawn);
    if (features.placeAgain && random.chance(0.1)) b.run({ do: "place" });
    const trouble = troubled && round === rounds - 1 ? random.pick(features.troubles) : null;
    b.run({ do: "open" });
    drawStep(b, drawn, trouble);
    if (!b.over) b.run({ do: "close" });
  }
  return { body: b.finished(), scoped: b.scoped, network };
}

function drawStep(b: Builder, drawn: DrawnNetwork, trouble: TrainingTrouble | null): void {
  const { random } = b;
  const parts = random.chance(trouble === "step between" ? 1 : 0.25) ? 2 : 1;
  if (trouble === "train between") setNorms(b, drawn.network, false);
  if (trouble === "early step") {
    b.run({ do: "step" });
    if (b.over) return;
  }
  for (let part = 0; part < parts; part++) {
    const loss = drawLoss(b, drawn);
    if (trouble === "step between" && part === 0 && parts > 1) {
      const other = drawLoss(b, drawn);
      b.run({ do: "backward", loss: other, accumulate: false });
      b.run({ do: "step" });
    }
    if (trouble === "write") overwrite(b, drawn);
    if (trouble === "train between") {
      setNorms(b, drawn.network, true);
      drawLoss(b, drawn);
    }
    // After a step there is nothing to add to.
    b.run({ do: "backward", loss, accumulate: part > 0 || random.chance(0.1) });
    if (trouble === "again") b.run({ do: "backward", loss, accumulate: false });
  }
  for (const id of drawn.network.values.keys()) {
    if (id.includes("running")) continue;
    b.run({ do: "grad", of: id });
    if (!b.hasGradient(id) || !random.chance(0.05)) continue;
    const to = b.name();
    b.run({ do: "takeGrad", to, of: id });
    // As clipping does: the step takes what is there then.
    if (random.chance(0.5)) b.need(square, [to]);
    else b.run({ do: "write", of: to, values: random.values(sizeOf(b.shape(to)), -0.5, 0.5) });
  }
  b.run({ do: "step" });
  if (trouble === "second step") b.run({ do: "step" });
}

function overwrite(b: Builder, { network }: DrawnNetwork): void {
  const id = b.random.pick([...network.values.keys()]);
  b.run({ do: "write", of: id, values: b.random.values(sizeOf(b.shape(id)), 0.5, 1) });
}

/** Some layers change their mode, and the network is asked in between, in evaluation mode mostly. */
function drawModes(b: Builder, { network, trunk, heads, input }: DrawnNetwork): void {
  const { random } = b;
  if (random.chance(0.35)) {
    const x = b.leaf("constant", input);
    const how = random.pick(["noGrad", "folded", "folded"] as const);
    const to = b.name();
    if (random.chance(0.8)) setNorms(b, network, false);
    b.run({ do: "forward", to, of: x, steps: [...trunk, ...random.pick(heads)], how });
    b.run({ do: "read", of: to });
    setNorms(b, network, true);
  }
  for (const module of normsOf(network)) {
    if (random.chance(0.4)) b.run({ do: "mode", module, training: random.chance(0.5) });
  }
}

function setNorms(b: Builder, network: NetworkPlan, training: boolean): void {
  for (const module of normsOf(network)) b.run({ do: "mode", module, training });
}

/** The loss of one batch by one of the heads or by both. */
function drawLoss(b: Builder, drawn: DrawnNetwork): Id {
  const { network, trunk, heads, input, classes, unreached } = drawn;
  const { random } = b;
  const x = b.leaf(random.chance(0.15) ? "parameter" : "constant", input);
  const features = b.name();
  b.run({ do: "forward", to: features, of: x, steps: trunk, how: "recorded" });
  const chosen = random.shuffled(heads.map((_, h) => h)).slice(0, random.chance(0.3) ? 2 : 1);
  const parts = chosen.map((h) => {
    const logits = b.name();
    const detached = unreached && random.chance(0.15);
    const of = detached ? b.name() : features;
    if (detached) b.run({ do: "detach", to: of, of: features });
    b.run({ do: "forward", to: logits, of, steps: heads[h] ?? [], how: "recorded" });
    const rows = b.shape(logits)[0] ?? 0;
    if (random.chance(0.7)) {
      const rowLosses = b.need(crossEntropy(0), [logits, b.integers(rows, classes[h] ?? 1)]);
      return b.need(moving.mean(), [rowLosses]);
    }
    return b.need(moving.mean(), [b.need(square, [logits])]);
  });
  if (random.chance(0.2)) {
    // Feature Shift Tuning's penalty: a weight times itself as it was.
    const weights = [...network.values].filter(([id, { data }]) => {
      return id.endsWith("weight") && data.length < 50 && b.tracks(id);
    });
    const [weight] = random.pick(weights);
    const was = b.name();
    b.run({ do: "detach", to: was, of: weight });
    parts.push(b.need(affine(0.1, 0), [b.need(moving.sum(), [b.need(mul, [weight, was])])]));
  }
  const loss = parts.reduce((sum, part) => b.need(add, [sum, part]));
  b.run({ do: "read", of: loss });
  return loss;
}
