import type { Device } from "../../src/device/device.js";
import { convNorm } from "../../src/nn/folding.js";
import { BatchNorm2d, Conv2d, Linear } from "../../src/nn/layers.js";
import { Module, Sequential } from "../../src/nn/module.js";
import { type Placement, place } from "../../src/nn/place.js";
import { relu, silu } from "../../src/ops/elementwise.js";
import { globalAvgPool } from "../../src/ops/pool2d.js";
import { Adam } from "../../src/optim/adam.js";
import type { Optimizer } from "../../src/optim/optimizer.js";
import { SGD } from "../../src/optim/sgd.js";
import type { Shape } from "../../src/tensor/shape.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import type { Id } from "./program.js";
import type { OptimizerPlan } from "./reference/optimizer.js";

export type ModulePlan =
  /** With `tied`, its weight is that of another linear module. */
  | {
      readonly kind: "linear";
      readonly in: number;
      readonly out: number;
      readonly bias: boolean;
      readonly tied?: number;
    }
  | {
      readonly kind: "conv";
      readonly in: number;
      readonly out: number;
      readonly bias: boolean;
      /** Of images of three colours, which have four channels on the device: `in` is 4. */
      readonly images?: boolean;
    }
  | { readonly kind: "norm"; readonly channels: number };

/** One step of a forward pass; numbers name modules. */
export type LayerStep =
  | { readonly kind: "linear" | "conv" | "norm"; readonly module: number }
  | { readonly kind: "convNorm"; readonly module: number; readonly norm: number }
  | { readonly kind: "silu" | "relu" | "pool" };

/** How a network holds a module. */
export type Holder = "property" | "array" | "map" | "sequential";

export interface NetworkPlan {
  readonly modules: readonly ModulePlan[];
  readonly holders: readonly Holder[];
  /** Modules that are held a second time. */
  readonly twice: readonly number[];
  /** Values of every parameter and statistic; `frozen` ones are not trained. */
  readonly values: ReadonlyMap<Id, { readonly shape: Shape; readonly data: readonly number[] }>;
  readonly frozen: readonly Id[];
  readonly optimizer: OptimizerPlan;
}

export const weightOf = (plan: Pick<NetworkPlan, "modules">, m: number): Id => {
  const module = plan.modules[m];
  return `m${module?.kind === "linear" ? (module.tied ?? m) : m}.weight`;
};

/** The names and shapes, on the device, of what a module owns. */
export function ownedBy(plan: Pick<NetworkPlan, "modules">, m: number): (readonly [Id, Shape])[] {
  const module = plan.modules[m];
  if (module?.kind === "linear" || module?.kind === "conv") {
    const { kind, in: inputs, out, bias } = module;
    const weight = kind === "conv" ? [3, 3, inputs, out] : [out, inputs];
    return [[weightOf(plan, m), weight], ...(bias ? [[`m${m}.bias`, [out]] as const] : [])];
  }
  const channels = module?.channels ?? 0;
  return ["weight", "bias", "running_mean", "running_var"].map(
    (name) => [`m${m}.${name}`, [channels]] as const,
  );
}

const make = (plan: ModulePlan): Linear | Conv2d | BatchNorm2d => {
  if (plan.kind === "linear") return new Linear(plan.in, plan.out, { bias: plan.bias });
  if (plan.kind === "norm") return new BatchNorm2d(plan.channels);
  const { images = false, out, bias } = plan;
  return new Conv2d(images ? 3 : plan.in, out, 3, { padding: 1, bias, image: images });
};

/** The modules of a plan, held as it says. */
export class Network extends Module {
  readonly #made: readonly (Linear | Conv2d | BatchNorm2d)[];

  constructor({ modules, holders, twice }: NetworkPlan) {
    super();
    this.#made = modules.map(make);
    modules.forEach((module, m) => {
      if (module.kind !== "linear" || module.tied === undefined) return;
      Object.assign(this.module(m), { weight: this.module(module.tied).weight });
    });
    const held = (holder: Holder): [string, Module][] =>
      this.#made.flatMap((module, m) => (holders[m] === holder ? [[`m${m}`, module]] : []));
    const listed = held("array").map(([, module]) => module);
    const rest = held("sequential").map(([, module]) => module);
    Object.assign(this, {
      ...Object.fromEntries(held("property")),
      ...(listed.length > 0 && { list: listed }),
      ...(held("map").length > 0 && { named: new Map(held("map")) }),
      ...(rest.length > 0 && { rest: new Sequential(...rest) }),
      ...Object.fromEntries(twice.map((m) => [`again${m}`, this.module(m)])),
    });
  }

  module(m: number): Linear | Conv2d | BatchNorm2d {
    const found = this.#made[m];
    if (!found) throw new Error(`the network has no module ${m}`);
    return found;
  }

  forward(x: Tensor): Tensor {
    return x;
  }

  through(x: Tensor, steps: readonly LayerStep[]): Tensor {
    return steps.reduce((y, step) => {
      if (!("module" in step)) return plain[step.kind](y);
      const module = this.module(step.module);
      if (step.kind !== "convNorm") return module.forward(y);
      return convNorm(module as Conv2d, this.module(step.norm) as BatchNorm2d, y);
    }, x);
  }
}

const plain = { silu, relu, pool: globalAvgPool };

/** A network of the library, its memory and its optimizer. */
export class PlacedNetwork {
  readonly #plan: NetworkPlan;
  readonly #network: Network;
  readonly #placement: Placement;
  readonly optimizer: Optimizer;

  /** @param model what is placed and trained, around the network */
  constructor(
    device: Device,
    plan: NetworkPlan,
    network = new Network(plan),
    model: Module = network,
  ) {
    this.#plan = plan;
    this.#network = network;
    this.#placement = place(model, device, { seed: 7 });
    for (const [id, { data }] of plan.values) this.value(id).write(data);
    for (const id of plan.frozen) this.value(id).requiresGrad = false;
    this.optimizer = optimizerOf(model, plan.optimizer);
  }

  get ids(): Iterable<Id> {
    return this.#plan.values.keys();
  }

  /** A parameter or statistic, wherever it lies by now. */
  value(id: Id): Tensor {
    const [m, name = ""] = id.slice(1).split(".");
    const owner = this.#network.module(Number(m)) as unknown as Record<string, { value: Tensor }>;
    const owned = owner[name];
    if (!owned) throw new Error(`the network has no ${id}`);
    return owned.value;
  }

  /** What is wrong with how its parts are listed. */
  countFault(): string | null {
    const ids = [...this.ids].filter((id) => !id.includes("running"));
    const listed = this.#network.parameters().length;
    if (listed !== ids.length) return `${listed} parameters are listed, there are ${ids.length}`;
    const count = ids.reduce((n, id) => n + (this.#plan.values.get(id)?.data.length ?? 0), 0);
    const { parameterCount } = this.#network;
    return parameterCount === count ? null : `parameterCount is ${parameterCount}, not ${count}`;
  }

  through(x: Tensor, steps: readonly LayerStep[]): Tensor {
    return this.#network.through(x, steps);
  }

  trainAll(): void {
    this.#network.train();
  }

  mode(m: number, training: boolean): void {
    if (training) this.#network.module(m).train();
    else this.#network.module(m).eval();
  }

  step(): void {
    this.optimizer.step();
  }

  /** Once more: it may be refused, and changes nothing in any case. */
  placeAgain(device: Device): void {
    try {
      place(this.#network, device, { seed: 8 });
    } catch (error) {
      if (error instanceof TypeError) throw error;
    }
  }

  release(): void {
    this.optimizer.release();
    this.#placement.release();
  }
}

function optimizerOf(network: Module, plan: OptimizerPlan): Optimizer {
  if (plan.kind === "sgd") {
    const { kind: _, ...options } = plan;
    return new SGD(network, options);
  }
  const { kind: _, ...options } = plan;
  return new Adam(network, options);
}
