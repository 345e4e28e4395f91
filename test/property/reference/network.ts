import { type LayerStep, type NetworkPlan, ownedBy } from "../network.js";
import { add, relu, silu } from "./elementwise.js";
import { batchNorm, conv2d, linearLayer, matmul } from "./layers.js";
import type { Machine } from "./machine.js";
import { mean } from "./moving.js";
import type { Operation } from "./operation.js";
import { ReferenceOptimizer } from "./optimizer.js";
import type { Ref, Verdict } from "./tensors.js";
import { worse } from "./tensors.js";

/** A network in float64: its memory in the machine, its modes and its optimizer. */
export class ReferenceNetwork {
  readonly #plan: NetworkPlan;
  readonly #machine: Machine;
  readonly #optimizer: ReferenceOptimizer;
  readonly #evaluating = new Set<number>();
  readonly refs = new Map<string, Ref>();

  constructor(machine: Machine, plan: NetworkPlan) {
    this.#plan = plan;
    this.#machine = machine;
    this.#optimizer = new ReferenceOptimizer(plan.optimizer);
    for (const [id, { shape, data }] of plan.values) {
      const trained = !id.includes("running") && !plan.frozen.includes(id);
      this.refs.set(id, machine.placed(shape, Float64Array.from(data), trained));
    }
  }

  mode(m: number, training: boolean): void {
    if (training) this.#evaluating.delete(m);
    else this.#evaluating.add(m);
  }

  trainAll(): void {
    this.#evaluating.clear();
  }

  through(x: Ref, steps: readonly LayerStep[], noGrad: boolean): { verdict: Verdict; out: Ref } {
    let verdict: Verdict = "works";
    const apply = (op: Operation, inputs: readonly Ref[]): Ref => {
      const applied = this.#machine.apply(op, inputs, noGrad);
      verdict = worse(verdict, applied.verdict);
      return applied.out;
    };
    const out = steps.reduce((y, step) => {
      switch (step.kind) {
        case "silu":
          return apply(silu, [y]);
        case "relu":
          return apply(relu, [y]);
        case "pool":
          return apply(mean({ axes: [1, 2] }), [y]);
        case "linear":
        case "conv":
          return this.#product(apply, y, step.module);
        case "norm":
          return this.#norm(apply, y, step.module);
        case "convNorm":
          return this.#norm(apply, this.#product(apply, y, step.module), step.norm);
      }
      throw new Error("no such step");
    }, x);
    return { verdict, out };
  }

  #owned(m: number): Ref[] {
    return ownedBy(this.#plan, m).map(([id]) => this.refs.get(id) as Ref);
  }

  #product(apply: (op: Operation, inputs: readonly Ref[]) => Ref, x: Ref, m: number): Ref {
    const [weight, bias] = this.#owned(m) as [Ref, Ref?];
    if (this.#plan.modules[m]?.kind === "linear") {
      return bias ? apply(linearLayer, [x, weight, bias]) : apply(matmul(false, true), [x, weight]);
    }
    const y = apply(conv2d(1, 1), [x, weight]);
    return bias ? apply(add, [y, bias]) : y;
  }

  #norm(apply: (op: Operation, inputs: readonly Ref[]) => Ref, x: Ref, m: number): Ref {
    return apply(batchNorm({ training: !this.#evaluating.has(m) }), [x, ...this.#owned(m)]);
  }

  /** Moves what has a gradient; there has to be something. */
  step(): Verdict {
    const trained = [...this.refs].filter(([, ref]) => this.#machine.grad(ref).value);
    for (const [id, ref] of trained) {
      const gradient = this.#machine.grad(ref).value?.data ?? new Float64Array(0);
      const moved = this.#optimizer.updated(id, ref.block.data, gradient);
      this.#machine.write(ref, moved, false);
    }
    this.#machine.consume([...this.refs.values()]);
    return trained.length > 0 ? "works" : "must fail";
  }
}
