import { checkOptions, type OptionTable } from "../device/options.js";

/** What an optimizer is set to at a step (counted from 0). */
export interface Setting {
  lr: number;
  momentum?: number;
}

/** @internal */
export const settingTable: OptionTable<Partial<Setting>> = { lr: "number", momentum: "number" };

export type Schedule = (step: number) => Setting;

/** Throws RangeError unless `ok`. */
function must(ok: boolean, schedule: string, name: string, form: string, value: unknown): void {
  if (!ok) throw new RangeError(`${schedule}: ${name} must be ${form}, not ${value}`);
}

function mustBeRate(schedule: string, name: string, lr: number): void {
  must(lr >= 0 && Number.isFinite(lr), schedule, name, "a finite number of at least 0", lr);
}

/** @throws RangeError when the rate is negative, infinite or NaN */
export function constantRate(lr: number): Schedule {
  mustBeRate("constantRate", "lr", lr);
  return () => ({ lr });
}

/**
 * Cosine annealing (Loshchilov and Hutter 2017, equation 5):
 * low + (lr - low) (1 + cos(pi t / steps)) / 2, and `low` from then on. To change it once an epoch, as
 * FST's code does, call it with the epoch and give the epochs as `steps`.
 *
 * @throws RangeError unless the rates are finite and at least 0, and `steps` is above 0
 */
export function cosine(lr: number, steps: number, low = 0): Schedule {
  mustBeRate("cosine", "lr", lr);
  mustBeRate("cosine", "low", low);
  must(steps > 0 && Number.isFinite(steps), "cosine", "steps", "above 0", steps);
  return (step) => ({ lr: anneal(lr, low, Math.min(1, step / steps)) });
}

export interface OneCycleOptions {
  /** Share of the steps spent rising, in [0, 1]. Default 0.3. */
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

/**
 * One cycle (Smith and Topin 2018) with cosine arms, step for step PyTorch's OneCycleLR: the rate is
 * highest at step rise * steps - 1. Where that is no step of the run (rise * steps < 1) it falls from
 * the first step on, and a run of one step has the lowest rate.
 *
 * @throws RangeError unless `steps` is a positive integer, `rise` is in [0, 1], the rate is finite and
 *   at least 0, and the divisors are above 0
 */
export function oneCycle(highest: number, steps: number, options: OneCycleOptions = {}): Schedule {
  checkOptions("oneCycle", options, oneCycleOptions);
  const { rise = 0.3, divisor = 25, finalDivisor = 1e4, momentum } = options;
  mustBeRate("oneCycle", "highest", highest);
  must(Number.isInteger(steps) && steps > 0, "oneCycle", "steps", "a positive integer", steps);
  must(rise >= 0 && rise <= 1, "oneCycle", "rise", "in [0, 1]", rise);
  for (const [name, value] of Object.entries({ divisor, finalDivisor })) {
    must(value > 0 && Number.isFinite(value), "oneCycle", name, "above 0", value);
  }
  const inRange = momentum?.every((m) => m >= 0 && m < 1) ?? true;
  must(inRange, "oneCycle", "momentum", "two numbers in [0, 1)", momentum?.join(" and "));
  const first = highest / divisor;
  const last = first / finalDivisor;
  const top = rise * steps - 1;
  return (step) => {
    const rising = step <= top;
    const t = rising ? share(step, top) : share(step - top, steps - 1 - top);
    const lr = rising ? anneal(first, highest, t) : anneal(highest, last, t);
    if (!momentum) return { lr };
    const [low, high] = momentum;
    return { lr, momentum: rising ? anneal(high, low, t) : anneal(low, high, t) };
  };
}

/**
 * lr times gamma for every milestone that has passed.
 *
 * @throws RangeError unless lr and gamma are finite and at least 0, and no milestone is NaN
 */
export function multiStep(lr: number, milestones: readonly number[], gamma = 0.1): Schedule {
  mustBeRate("multiStep", "lr", lr);
  mustBeRate("multiStep", "gamma", gamma);
  const known = !milestones.some(Number.isNaN);
  must(known, "multiStep", "milestones", "numbers", milestones.join(", "));
  return (step) => ({ lr: lr * gamma ** milestones.filter((m) => m <= step).length });
}

/** How far `step` is in an arm of `steps`; at the end of one that has none. */
const share = (step: number, steps: number): number => (steps > 0 ? Math.min(1, step / steps) : 1);

const anneal = (from: number, to: number, t: number): number =>
  to + ((from - to) / 2) * (1 + Math.cos(Math.PI * t));
