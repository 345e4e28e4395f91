import type { HostCall } from "../support/host-call.js";
import { at } from "../support/random.js";

export function unscale({ grads, state }: HostCall<"unscale">): void {
  if (grads.some((g) => !Number.isFinite(g))) state[2] = 1;
  for (let i = 0; i < grads.length; i++) grads[i] = at(grads, i) / at(state, 0);
}

export function updateScale({ state, growth, backoff, interval }: HostCall<"updateScale">): void {
  const [scale, good, found, skipped] = [0, 1, 2, 3].map((i) => at(state, i)) as [
    number,
    number,
    number,
    number,
  ];
  if (found !== 0) {
    state.set([scale * backoff, 0, 0, skipped + 1]);
  } else if (good + 1 < interval) {
    state.set([scale, good + 1, 0, skipped]);
  } else {
    const grown = scale * growth;
    state.set([Number.isFinite(Math.fround(grown)) ? grown : scale, 0, 0, skipped]);
  }
}
