import { expect, it } from "vitest";
import { defenses, defineDefense } from "../../src/defenses/index.js";
import type { Settings } from "../../src/schema/index.js";
import { tinySet } from "../support/tiny.js";

const clean = { ...tinySet(30, 1), classes: Array.from({ length: 10 }, (_, k) => `class ${k}`) };

it("every defense says what it costs before it starts, and more for more epochs", () => {
  for (const { name, options, passes, epochs } of defenses) {
    const settings = options as Settings<Record<string, never>>;
    const given = settings.fill();
    const cost = passes(given, clean);
    expect(Number.isFinite(cost) && cost >= 0, name).toBe(true);
    // 200 passes over 1,000 images are 5 minutes at 670 images a second.
    expect(cost, name).toBeLessThan(200);
    if (!epochs) continue;
    expect(cost, name).toBeGreaterThanOrEqual((2 / 3) * epochs(given) * 0.8);
    const counted = "epochs" in settings.fields ? "epochs" : "rounds";
    const twice = settings.fill({ [counted]: 2 * epochs(given) } as never);
    expect(passes(twice, clean), name).toBeGreaterThan(cost);
  }
});

it("a defense that says nothing of its cost is none", () => {
  const options = {};
  const silent = { name: "silent", title: "Silent", doc: "does nothing", source: "here", options };
  expect(() => defineDefense({ ...silent, run: () => {} })).toThrow(
    /defense silent: say what it costs, by `passes` or, if it goes by epochs, `epochs`/,
  );
  const counted = defineDefense({ ...silent, epochs: () => 7, run: () => {} });
  expect(counted.passes({}, clean)).toBe(7);
});

it("every option of every defense is described", () => {
  for (const { name, options } of defenses) {
    for (const [field, { about }] of Object.entries(
      options.fields as Record<string, { about?: { doc?: string } }>,
    )) {
      if (about) expect(about.doc?.length, `${name}: ${field}`).toBeGreaterThan(5);
    }
  }
});
