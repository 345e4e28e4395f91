import {
  type Holder,
  type LayerStep,
  type ModulePlan,
  type NetworkPlan,
  ownedBy,
} from "./network.js";
import type { Id } from "./program.js";
import type { Choices } from "./random.js";
import type { OptimizerPlan } from "./reference/optimizer.js";
import { sizeOf } from "./reference/value.js";

/** What a network may have beside layers one after the other, of which all are trained. */
export interface NetworkFeatures {
  /** Parameters that a loss does not reach: two heads, frozen ones, a layer that is never used. */
  readonly unreached: boolean;
  /** Modules used twice, held twice, or that share a weight. */
  readonly ties: boolean;
  /** Modules in arrays, maps and sequences. */
  readonly containers: boolean;
}

/** A network and how it is used. */
export interface DrawnNetwork {
  readonly network: NetworkPlan;
  readonly trunk: readonly LayerStep[];
  readonly heads: readonly (readonly LayerStep[])[];
  /** Of a batch. */
  readonly input: readonly number[];
  readonly classes: readonly number[];
  readonly unreached: boolean;
}

export const normsOf = ({ modules }: NetworkPlan): number[] =>
  modules.flatMap(({ kind }, m) => (kind === "norm" ? [m] : []));

export function drawNetwork(random: Choices, features: NetworkFeatures): DrawnNetwork {
  const modules: ModulePlan[] = [];
  const images = random.chance(0.5);
  const inputs = random.integer(2, 4);
  const width = random.pick([3, 5]);
  const trunk = images
    ? imageTrunk(random, features, modules, { in: inputs, out: width })
    : flatTrunk(random, features, modules, { in: inputs, out: width });
  const classes = features.unreached && random.chance(0.7) ? [3, 2] : [3];
  const heads = classes.map((out): LayerStep[] => {
    const module = modules.push({ kind: "linear", in: width, out, bias: true }) - 1;
    return [{ kind: "linear", module }];
  });
  // One that no loss reaches.
  if (features.unreached && random.chance(0.3)) {
    modules.push({ kind: "linear", in: 2, out: 3, bias: true });
  }
  return {
    network: finishedPlan(random, features, modules),
    ...{ trunk, heads, classes, unreached: features.unreached },
    input: images ? [2, 3, 4, inputs] : [random.pick([4, 5]), inputs],
  };
}

const everyFeature: NetworkFeatures = { unreached: false, ties: true, containers: true };

/** A network for images of three colours, whose head is its last module. */
export function drawImageNetwork(random: Choices) {
  const modules: ModulePlan[] = [];
  const width = random.pick([3, 5]);
  const trunk = imageTrunk(random, everyFeature, modules, { in: 4, out: width, images: true });
  const head = modules.push({ kind: "linear", in: width, out: 3, bias: true }) - 1;
  const network = finishedPlan(random, everyFeature, modules);
  return { network, trunk, head };
}

type Trunk = (
  random: Choices,
  features: NetworkFeatures,
  modules: ModulePlan[],
  sizes: { readonly in: number; readonly out: number; readonly images?: boolean },
) => LayerStep[];

const imageTrunk: Trunk = (random, features, modules, sizes) => {
  const { out: width } = sizes;
  const module = (plan: ModulePlan): number => modules.push(plan) - 1;
  const first = module({ kind: "conv", ...sizes, bias: random.chance(0.3) });
  const second = module({ kind: "conv", in: width, out: width, bias: false });
  const norms = [0, 1].map(() => module({ kind: "norm", channels: width }));
  const fused = random.chance(0.7);
  const normed = (conv: number, norm = 0): LayerStep[] =>
    fused
      ? [{ kind: "convNorm", module: conv, norm: norms[norm] ?? 0 }, { kind: "silu" }]
      : [
          { kind: "conv", module: conv },
          { kind: "norm", module: norms[norm] ?? 0 },
          { kind: "silu" },
        ];
  // One convolution under two norms.
  const again = features.ties && random.chance(0.5) ? normed(second, 0) : [];
  return [...normed(first), ...normed(second, 1), ...again, { kind: "pool" }];
};

const flatTrunk: Trunk = (random, features, modules, { in: inputs, out: width }) => {
  const linear = (from: number, tied?: number): number =>
    modules.push({
      ...{ kind: "linear", in: from, out: width, bias: random.chance(0.8) },
      ...(tied !== undefined && { tied }),
    }) - 1;
  const then = (module: number): LayerStep[] => [{ kind: "linear", module }, { kind: "silu" }];
  const trunk = then(linear(inputs));
  const second = linear(width);
  trunk.push(...then(second));
  if (random.chance(0.3)) {
    trunk.push({ kind: "norm", module: modules.push({ kind: "norm", channels: width }) - 1 });
  }
  if (features.ties && random.chance(0.6)) {
    trunk.push(...then(random.chance(0.5) ? second : linear(width, second)));
  }
  return trunk;
};

function finishedPlan(
  random: Choices,
  features: NetworkFeatures,
  modules: readonly ModulePlan[],
): NetworkPlan {
  const holders: readonly Holder[] = ["property", "property", "sequential", "array", "map"];
  const holderOf = (): Holder => (features.containers ? random.pick(holders) : "property");
  const inContainers = features.containers && random.chance(0.5);
  const values = new Map<Id, { shape: readonly number[]; data: readonly number[] }>();
  modules.forEach((plan, m) => {
    for (const [id, shape] of ownedBy({ modules }, m)) {
      if (values.has(id)) continue;
      const positive = id.includes("var") || (plan.kind === "norm" && id.endsWith("weight"));
      const bound = shape.length > 1 ? 1.2 / Math.sqrt(sizeOf(shape) / (shape.at(-1) ?? 1)) : 0.5;
      const [low, high] = positive ? [0.5, 1.5] : [-bound, bound];
      values.set(id, { shape, data: random.values(sizeOf(shape), low, high) });
    }
  });
  const trained = [...values.keys()].filter((id) => !id.includes("running"));
  const someFrozen = features.unreached && random.chance(0.3);
  return {
    modules,
    holders: modules.map(() => (inContainers ? holderOf() : "property")),
    twice: features.ties ? modules.flatMap((_, m) => (random.chance(0.15) ? [m] : [])) : [],
    values,
    frozen: someFrozen ? trained.filter(() => random.chance(0.3)) : [],
    optimizer: drawOptimizer(random),
  };
}

function drawOptimizer(random: Choices): OptimizerPlan {
  const weightDecay = random.pick([0, 0.1]);
  if (random.chance(0.5)) {
    const momentum = random.pick([0, 0.9]);
    const nesterov = momentum > 0 && random.chance(0.4);
    return { kind: "sgd", lr: 0.1, momentum, weightDecay, nesterov };
  }
  return {
    ...{ kind: "adam", lr: 0.02, betas: [0.9, 0.99], eps: 1e-4 },
    ...{ weightDecay, decoupled: random.chance(0.5) },
  };
}
