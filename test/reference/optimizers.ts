import type { HostCall } from "../support/host-call.js";
import { at } from "../support/random.js";

export function sgd({ params, grads, velocity, hyper, skip }: HostCall<"sgd">): void {
  if (skip && at(skip, 2) !== 0) return;
  const [lr, momentum, weightDecay, nesterov] = [0, 1, 2, 3].map((i) => at(hyper, i)) as [
    number,
    number,
    number,
    number,
  ];
  for (let i = 0; i < params.length; i++) {
    const d = at(grads, i) + weightDecay * at(params, i);
    const v = momentum * at(velocity, i) + d;
    velocity[i] = v;
    params[i] = at(params, i) - lr * (nesterov === 0 ? v : d + momentum * v);
  }
}

export function adamCount({ count, hyper, skip }: HostCall<"adamCount">): void {
  if (skip && at(skip, 2) !== 0) return;
  const t = at(count, 0) + 1;
  count.set([t, ...[8, 10].map((i) => -Math.expm1(t * (at(hyper, i) + at(hyper, i + 1))))]);
}

export function adam({ params, grads, m, v, count, hyper, skip }: HostCall<"adam">): void {
  if (skip && at(skip, 2) !== 0) return;
  const [lr, beta1, beta2, eps] = [0, 1, 2, 3].map((i) => at(hyper, i)) as [
    number,
    number,
    number,
    number,
  ];
  const weightDecay = at(hyper, 4);
  const decoupled = at(hyper, 5) === 1;
  const correction1 = at(count, 1);
  const correction2 = at(count, 2);
  for (let i = 0; i < params.length; i++) {
    const before = at(params, i);
    const g = at(grads, i) + (decoupled ? 0 : weightDecay * before);
    const decayed = decoupled ? before - lr * weightDecay * before : before;
    const first = beta1 * at(m, i) + at(hyper, 6) * g;
    const second = beta2 * at(v, i) + at(hyper, 7) * g * g;
    m[i] = first;
    v[i] = second;
    params[i] = decayed - (lr * (first / correction1)) / (Math.sqrt(second / correction2) + eps);
  }
}
