import { describe, expect, it } from "vitest";
import { OptionError } from "../../src/device/errors.js";
import { constantRate, cosine, multiStep, oneCycle } from "../../src/optim/schedules.js";
import { operationFixtures } from "../support/fixtures.js";

const fixtures = operationFixtures();

/** PyTorch computes schedules in float64, partly by recurrences: 1e-9 of the highest rate. */
function expectRates(found: number[], expected: number[]): void {
  const highest = Math.max(...expected);
  found.forEach((rate, t) => {
    expect(Math.abs(rate - (expected[t] ?? 0)), `step ${t}`).toBeLessThan(1e-9 * highest);
  });
}

describe("schedules as PyTorch's", () => {
  const plain = fixtures.oneCycle.filter(
    ({ settings }) => (settings.anneal_strategy ?? "cos") === "cos" && !settings.three_phase,
  );
  it("has cases to compare with", () => {
    expect(plain.length).toBeGreaterThan(0);
    expect(fixtures.cosineAnnealing.length).toBeGreaterThan(0);
    expect(fixtures.multiStep.length).toBeGreaterThan(0);
  });

  it.each(plain)("oneCycle $settings", ({ settings, steps, rates, momenta }) => {
    const schedule = oneCycle(settings.max_lr, settings.total_steps, {
      ...(settings.pct_start !== undefined && { rise: settings.pct_start }),
      ...(settings.div_factor !== undefined && { divisor: settings.div_factor }),
      ...(settings.final_div_factor !== undefined && { finalDivisor: settings.final_div_factor }),
      momentum: [0.85, 0.95],
    });
    const found = Array.from({ length: steps }, (_, t) => schedule(t));
    expectRates(
      found.map(({ lr }) => lr),
      rates,
    );
    if (settings.cycle_momentum !== false) {
      expectRates(
        found.map(({ momentum }) => momentum ?? 0),
        momenta,
      );
    }
  });

  it.each(fixtures.cosineAnnealing)("cosine $settings", ({ settings, lr, steps, rates }) => {
    const schedule = cosine(lr, settings.T_max, settings.eta_min);
    const within = Math.min(steps, settings.T_max + 1);
    expectRates(
      Array.from({ length: within }, (_, t) => schedule(t).lr),
      rates.slice(0, within),
    );
  });

  it.each(fixtures.multiStep)("multiStep $settings", ({ settings, lr, steps, rates }) => {
    const schedule = multiStep(lr, settings.milestones, settings.gamma);
    expectRates(
      Array.from({ length: steps }, (_, t) => schedule(t).lr),
      rates,
    );
  });

  it.each([
    [10, 0.1],
    [1, 1],
    [4, 0.25],
  ])("oneCycle over %d steps, %d of them rising, is highest at its one rising step", (n, rise) => {
    const schedule = oneCycle(0.2, n, { rise, momentum: [0.85, 0.95] });
    const found = Array.from({ length: n + 1 }, (_, t) => schedule(t));
    expect(found[0]).toEqual({ lr: 0.2, momentum: 0.85 });
    // Beyond the end the lowest rate stays.
    expect(found.at(-1)?.lr).toBeCloseTo(0.2 / 25e4, 12);
    const falling = found.slice(1, n);
    for (const [t, { lr }] of falling.entries()) expect(lr).toBeLessThan(found[t]?.lr ?? 0);
  });

  it("gives finite rates to every step of short runs", () => {
    for (const steps of [1, 2, 3, 5, 10]) {
      for (const rise of [0, 0.1, 0.2, 1 / 3, 0.5, 1]) {
        const schedules = [oneCycle(0.2, steps, { rise, momentum: [0, 0.9] }), cosine(0.2, steps)];
        for (const schedule of schedules) {
          for (let t = 0; t <= steps; t++) {
            for (const value of Object.values(schedule(t))) {
              expect(value).toBeGreaterThanOrEqual(0);
              expect(value).toBeLessThanOrEqual(0.9);
            }
          }
        }
      }
    }
  });

  it("refuses what would give NaN, or a rate that is none", () => {
    const bad: [() => unknown, RegExp][] = [
      [() => oneCycle(0.1, 0), /oneCycle: steps must be a positive integer, not 0/],
      [() => oneCycle(0.1, 2.5), /steps must be a positive integer, not 2.5/],
      [() => oneCycle(Number.NaN, 10), /highest must be a finite number of at least 0, not NaN/],
      [() => oneCycle(0.1, 10, { rise: 1.5 }), /rise must be in \[0, 1\], not 1.5/],
      [() => oneCycle(0.1, 10, { divisor: 0 }), /divisor must be above 0, not 0/],
      [() => oneCycle(0.1, 10, { momentum: [0.8, 1] }), /momentum must be .* not 0.8 and 1/],
      [() => cosine(0.1, 0), /cosine: steps must be above 0, not 0/],
      [() => cosine(-1, 5), /lr must be a finite number of at least 0, not -1/],
      [() => cosine(0.1, 5, Number.NaN), /low must be .* not NaN/],
      [() => multiStep(0.1, [3], Number.POSITIVE_INFINITY), /gamma must be .* not Infinity/],
      [() => multiStep(0.1, [3, Number.NaN]), /milestones must be numbers, not 3, NaN/],
      [() => constantRate(Number.NaN), /constantRate: lr must be .* not NaN/],
    ];
    for (const [make, message] of bad) expect(make).toThrow(message);
    for (const [make] of bad) expect(make).toThrow(RangeError);
    const unset = () => oneCycle(0.1, 10, { rise: Number.NaN });
    expect(unset).toThrow(OptionError);
    expect(unset).toThrow(/rise must be a finite number, not NaN/);
  });

  it("keeps a constant rate", () => {
    expect(constantRate(0.3)(17)).toEqual({ lr: 0.3 });
  });
});
