/** PyTorch's SGD, Adam and AdamW: a parameter without a gradient is left alone altogether. */
export type OptimizerPlan =
  | {
      readonly kind: "sgd";
      readonly lr: number;
      readonly momentum: number;
      readonly weightDecay: number;
      readonly nesterov: boolean;
    }
  | {
      readonly kind: "adam";
      readonly lr: number;
      readonly betas: readonly [number, number];
      readonly eps: number;
      readonly weightDecay: number;
      readonly decoupled: boolean;
    };

interface State {
  step: number;
  first: Float64Array;
  second: Float64Array;
}

export class ReferenceOptimizer {
  readonly #plan: OptimizerPlan;
  readonly #states = new Map<string, State>();

  constructor(plan: OptimizerPlan) {
    this.#plan = plan;
  }

  /** The values of a parameter after a step with a gradient. */
  updated(id: string, values: Float64Array, gradient: Float64Array): Float64Array {
    const zeros = () => new Float64Array(values.length);
    const state = this.#states.get(id) ?? { step: 0, first: zeros(), second: zeros() };
    this.#states.set(id, state);
    state.step++;
    return values.map((w, i) => this.#element(state, i, w, gradient[i] ?? Number.NaN));
  }

  #element(state: State, i: number, w: number, gradient: number): number {
    const plan = this.#plan;
    const { lr, weightDecay } = plan;
    const [first, second] = [state.first[i] ?? 0, state.second[i] ?? 0];
    if (plan.kind === "sgd") {
      const { momentum, nesterov } = plan;
      const d = gradient + weightDecay * w;
      const v = momentum * first + d;
      state.first[i] = v;
      return w - lr * (nesterov ? d + momentum * v : v);
    }
    const [beta1, beta2] = plan.betas;
    const g = gradient + (plan.decoupled ? 0 : weightDecay * w);
    const decayed = plan.decoupled ? w * (1 - lr * weightDecay) : w;
    const m = beta1 * first + (1 - beta1) * g;
    const v = beta2 * second + (1 - beta2) * g * g;
    state.first[i] = m;
    state.second[i] = v;
    const corrected = m / (1 - beta1 ** state.step);
    return decayed - (lr * corrected) / (Math.sqrt(v / (1 - beta2 ** state.step)) + plan.eps);
  }
}
