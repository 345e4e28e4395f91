import type { HostCall } from "../support/host-call.js";
import { at } from "../support/random.js";

type Shape = Pick<HostCall<"layerNorm">, "outer" | "positions" | "groups" | "width">;

/** Calls `body` for every element with its unit [outer, groups] and its channel. */
function forEach(s: Shape, body: (i: number, unit: number, channel: number) => void): void {
  const channels = s.groups * s.width;
  for (let i = 0; i < s.outer * s.positions * channels; i++) {
    const channel = i % channels;
    const outer = Math.floor(i / (s.positions * channels));
    body(i, outer * s.groups + Math.floor(channel / s.width), channel);
  }
}

const add = (sums: Float64Array, i: number, value: number): void => {
  sums[i] = at(sums, i) + value;
};

export function layerNorm(call: HostCall<"layerNorm">): void {
  const { x, gamma, beta, mean, invStd, out, outer, positions, groups, width, eps } = call;
  const samples = positions * width;
  const sums = new Float64Array(outer * groups);
  const squares = new Float64Array(outer * groups);
  forEach(call, (i, unit) => add(sums, unit, at(x, i)));
  mean.set(sums.map((sum) => sum / samples));
  forEach(call, (i, unit) => add(squares, unit, (at(x, i) - at(mean, unit)) ** 2));
  invStd.set(squares.map((sum) => 1 / Math.sqrt(sum / samples + eps)));
  forEach(call, (i, unit, channel) => {
    const normal = (at(x, i) - at(mean, unit)) * at(invStd, unit);
    out[i] = normal * (gamma ? at(gamma, channel) : 1) + (beta ? at(beta, channel) : 0);
  });
}

export function layerNormBackward(call: HostCall<"layerNormBackward">): void {
  const { x, dy, gamma, mean, invStd, dx, dgamma, dbeta, outer, positions, groups, width } = call;
  const samples = positions * width;
  const normal = (i: number, unit: number): number =>
    (at(x, i) - at(mean, unit)) * at(invStd, unit);
  const gradient = (i: number, channel: number): number =>
    at(dy, i) * (gamma ? at(gamma, channel) : 1);
  const sums = new Float64Array(outer * groups);
  const products = new Float64Array(outer * groups);
  const gammas = new Float64Array(groups * width);
  const betas = new Float64Array(groups * width);
  forEach(call, (i, unit, channel) => {
    add(sums, unit, gradient(i, channel));
    add(products, unit, gradient(i, channel) * normal(i, unit));
    add(gammas, channel, at(dy, i) * normal(i, unit));
    add(betas, channel, at(dy, i));
  });
  dgamma?.set(gammas);
  dbeta?.set(betas);
  if (!dx) return;
  forEach(call, (i, unit, channel) => {
    const correction = at(sums, unit) + normal(i, unit) * at(products, unit);
    dx[i] = at(invStd, unit) * (gradient(i, channel) - correction / samples);
  });
}
