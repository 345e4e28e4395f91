import { InvalidArgumentError } from "commander";
import type { DataSource } from "../lab/configuration.js";

/** Parsers of option values; what they throw is a usage error. */
export function integer(low: number, high = Number.MAX_SAFE_INTEGER) {
  return (text: string): number => {
    const value = Number(text);
    if (/^-?\d+$/.test(text) && value >= low && value <= high) return value;
    const range = high === Number.MAX_SAFE_INTEGER ? `from ${low} up` : `in ${low} .. ${high}`;
    throw new InvalidArgumentError(`It must be a whole number ${range}.`);
  };
}

export function number(low: number, high = Number.POSITIVE_INFINITY, above = false) {
  return (text: string): number => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (Number.isFinite(value) && (above ? value > low : value >= low) && value <= high) {
      return value;
    }
    const from = Number.isFinite(low) ? (above ? ` above ${low}` : ` of at least ${low}`) : "";
    const to = Number.isFinite(high) ? `${from ? " and" : ""} at most ${high}` : "";
    throw new InvalidArgumentError(`It must be a number${from}${to}.`);
  };
}

/** A share in (0, 1]. */
export const share = number(0, 1, true);

/** A synthetic set when no size is given. */
export const syntheticDefaults = { train: 6000, test: 2000 } as const;

/** "cifar10:DIR", "synthetic", "synthetic:TRAIN" or "synthetic:TRAIN,TEST". */
export function dataSource(text: string): DataSource {
  const [, kind, rest] = /^([a-z0-9]+)(?::(.+))?$/.exec(text) ?? [];
  if (kind === "cifar10" && rest) return { kind, directory: rest };
  if (kind === "cifar10") {
    throw new InvalidArgumentError("CIFAR-10 needs its folder: cifar10:DIR.");
  }
  const sizes = /^(\d+)(?:,(\d+))?$/.exec(rest ?? `${syntheticDefaults.train}`);
  if (kind !== "synthetic" || !sizes) {
    throw new InvalidArgumentError("It must be cifar10:DIR, synthetic or synthetic:TRAIN[,TEST].");
  }
  const size = integer(10);
  const [, train = "", test] = sizes;
  return {
    kind,
    train: size(train),
    test: test === undefined ? syntheticDefaults.test : size(test),
    seed: 0,
  };
}

/** Collects "name=value" pairs; values that look like numbers are numbers. */
export function assignment(
  text: string,
  before: Readonly<Record<string, number | string | boolean>> = {},
): Record<string, number | string | boolean> {
  const [, name, value] = /^([A-Za-z]\w*)=(.+)$/.exec(text) ?? [];
  if (!name || value === undefined) throw new InvalidArgumentError("It must be NAME=VALUE.");
  return { ...before, [name]: Number.isFinite(Number(value)) ? Number(value) : value };
}

/** "CLEAN,TRIGGERED": images examined between epochs. */
export function curve(text: string): { clean: number; triggered: number } {
  const [, clean, triggered] = /^(\d+)(?:,(\d+))?$/.exec(text) ?? [];
  if (clean === undefined) throw new InvalidArgumentError("It must be CLEAN[,TRIGGERED].");
  return { clean: Number(clean), triggered: Number(triggered ?? Math.ceil(Number(clean) / 2)) };
}
