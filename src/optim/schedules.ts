import { checkOptions, type OptionTable } from "../device/options.js";

/** What an optimizer is set to at a step (counted from 0). */
export interface Setting {
  lr: number;
  momentum?: number;
}

/** @internal */
export const settingTable: OptionTable<Partial<Setting>> = { lr: "number", momentum: "number" };

export type Schedule = (step: number) => Setting;

export const constantRate =
  (lr: number): Schedule =>
  () => ({ lr });

/**
 * Cosine annealing (Loshchilov and Hutter 2017, equation 5):
 * low + (lr - low) (1 + cos(pi t / steps)) / 2. To change it once an epoch, as FST's code does,
 * call it with the epoch and give the epochs as `steps`.
 */
export const cosine =
  (lr: number, steps: number, low = 0): Schedule =>
  (step) => ({ lr: anneal(lr, low, Math.min(1, step / steps)) });

export interface OneCycleOptions {
  /** Share of the steps spent rising. */
  rise?: number;
  /** The first rate is the highest divided by this, the last one the first divided by `finalDivisor`. */
  divisor?: number;
  finalDivisor?: number;
  /** [lowest, highest] momentum, moving against the rate; PyTorch cycles [0.85, 0.95]. */
  momentum?: readonly [number, number];
}

const oneCycleOptions: OptionTable<OneCycleOptions> = {
  rise: "number",
  divisor: "number",
  finalDivisor: "number",
  momentum: "checked",
};

/** One cycle (Smith and Topin 2018) with cosine arms, step for step PyTorch's OneCycleLR. */
export function oneCycle(highest: number, steps: number, options: OneCycleOptions = {}): Schedule {
  checkOptions("oneCycle", options, oneCycleOptions);
  const { rise = 0.3, divisor = 25, finalDivisor = 1e4, momentum } = options;
  const first = highest / divisor;
  const last = first / finalDivisor;
  const top = rise * steps - 1;
  return (step) => {
    const rising = step <= top;
    const t = rising ? step / top : Math.min(1, (step - top) / (steps - 1 - top));
    const lr = rising ? anneal(first, highest, t) : anneal(highest, last, t);
    if (!momentum) return { lr };
    const [low, high] = momentum;
    return { lr, momentum: rising ? anneal(high, low, t) : anneal(low, high, t) };
  };
}

/** lr times gamma for every milestone that has passed. */
export const multiStep =
  (lr: number, milestones: readonly number[], gamma = 0.1): Schedule =>
  (step) => ({ lr: lr * gamma ** milestones.filter((m) => m <= step).length });

const anneal = (from: number, to: number, t: number): number =>
  to + ((from - to) / 2) * (1 + Math.cos(Math.PI * t));
