import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const css = readFileSync(join(import.meta.dirname, "../../examples/browser/style.css"), "utf8");

type Rgb = readonly number[];
const colours = new Map(
  [...css.matchAll(/--([\w-]+): light-dark\((#\w{6}), (#\w{6})\);/g)].map(
    ([, name = "", light = "", dark = ""]) => [name, [rgb(light), rgb(dark)] as const],
  ),
);

function rgb(hex: string): Rgb {
  return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255);
}

/** Relative luminance and contrast ratio of WCAG 2. */
function luminance(colour: Rgb): number {
  const [r = 0, g = 0, b = 0] = colour.map((c) =>
    c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4,
  );
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(name: string, on: string, theme: 0 | 1): number {
  const [a, b] = [name, on].map((n) => luminance(colours.get(n)?.[theme] ?? [Number.NaN]));
  return (Math.max(a ?? 0, b ?? 0) + 0.05) / (Math.min(a ?? 0, b ?? 0) + 0.05);
}

const text = ["ink", "soft", "accent", "good", "mixed", "bad", "victim", "ft", "fst"];
const lines = ["victim", "ft", "fst", "values", "edge", "accent"];

describe.each([
  ["light", 0],
  ["dark", 1],
] as const)("colours, %s", (_, theme) => {
  test.each(text)("%s as text has a contrast of 4.5 on cards", (name) => {
    expect(contrast(name, "card", theme)).toBeGreaterThanOrEqual(4.5);
  });

  test("so has text on the page, on buttons and on the verdicts' symbols", () => {
    for (const name of ["ink", "soft"]) {
      expect(contrast(name, "page", theme), name).toBeGreaterThanOrEqual(4.5);
    }
    expect(contrast("on-accent", "accent", theme)).toBeGreaterThanOrEqual(4.5);
  });

  test.each(lines)("%s as a line has a contrast of 3 on cards", (name) => {
    expect(contrast(name, "card", theme)).toBeGreaterThanOrEqual(3);
  });

  test("the mean of the loss stands out from the values below it", () => {
    for (const name of ["victim", "ft", "fst"]) {
      expect(contrast(name, "values", theme), name).toBeGreaterThan(1.5);
    }
  });
});
