import { describe, expect, it } from "vitest";
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

  it("keeps a constant rate", () => {
    expect(constantRate(0.3)(17)).toEqual({ lr: 0.3 });
  });
});
