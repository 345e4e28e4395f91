import type { Module } from "../../src/nn/module.js";
import { Adam } from "../../src/optim/adam.js";
import type { Optimizer } from "../../src/optim/optimizer.js";
import { SGD } from "../../src/optim/sgd.js";

export type MakeOptimizer = (model: Module) => Optimizer;

/** Every optimizer, for tests of what all of them can do. */
export const optimizers: readonly { readonly name: string; readonly make: MakeOptimizer }[] = [
  {
    name: "SGD",
    make: (m) => new SGD(m, { lr: 0.003, momentum: 0.9, nesterov: true, weightDecay: 5e-4 }),
  },
  { name: "Adam", make: (m) => new Adam(m, { lr: 0.01, weightDecay: 0.1 }) },
  { name: "AdamW", make: (m) => new Adam(m, { weightDecay: 0.1, decoupled: true }) },
];
