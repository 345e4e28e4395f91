import { describe, expect, test } from "vitest";
import { basis, column, type Found, verdictOn } from "../../examples/browser/outcome.js";
import type { Examination } from "../../src/lab/records/metrics.js";

const seen = (clean: number, attack: number, robust: number, scale = 1): Examination => ({
  ...{ cleanAccuracy: clean, cleanImages: 2000 * scale },
  backdoor: { attackSuccess: attack, robustAccuracy: robust, triggeredImages: 1800 * scale },
});
const whole = (examination: Examination) => ({ examination, whole: true });
const part = (examination: Examination) => ({ examination, whole: false });

test("a column has clean accuracy, attack success, robust accuracy and rating, with intervals", () => {
  const found: Found = {
    victim: whole(seen(0.97, 0.99, 0.01)),
    fst: whole(seen(0.95, 0.004, 0.9)),
  };
  expect(column(found, "fst")).toEqual({
    clean: { value: "95%", range: "94–95.9%" },
    attack: { value: "0.4%", range: "0.2–0.8%" },
    robust: { value: "90%", range: "88.5–91.3%" },
    rating: { value: "0.98", range: "" },
  });
  expect(column(found, "victim")).not.toHaveProperty("rating");
  expect(column(found, "ft")).toEqual({});
});

describe("the verdict", () => {
  const tones = (victim: Examination, fst: Examination) => {
    const found: Found = { victim: whole(victim), fst: whole(fst) };
    return [verdictOn(found, "victim", 10)?.tone, verdictOn(found, "fst", 10)?.tone];
  };

  test("celebrates a backdoor that was there and is gone", () => {
    expect(tones(seen(0.97, 0.99, 0.01), seen(0.96, 0.004, 0.9))).toEqual(["good", "good"]);
  });

  test("does not celebrate where nothing was learned, nothing planted, or too much is lost", () => {
    expect(tones(seen(0.08, 0.72, 0.02), seen(0.09, 0.098, 0.1))).toEqual(["bad", "unclear"]);
    expect(tones(seen(0.96, 0.011, 0.9), seen(0.95, 0.01, 0.9))).toEqual(["bad", "unclear"]);
    expect(tones(seen(0.97, 0.99, 0.01), seen(0.85, 0.004, 0.8))).toEqual(["good", "mixed"]);
    expect(tones(seen(0.97, 0.99, 0.01), seen(0.11, 0.004, 0.1))).toEqual(["good", "bad"]);
  });

  test("waits until all test images were looked at, of the victim and of the model", () => {
    const [victim, fst] = [seen(0.97, 0.99, 0.01), seen(0.96, 0.004, 0.9)];
    expect(verdictOn({ victim: whole(victim), fst: part(fst) }, "fst", 10)).toBeNull();
    expect(verdictOn({ victim: part(victim) }, "victim", 10)).toBeNull();
  });
});

test("tells on how many images the numbers rest, and when the curves look at fewer", () => {
  const [all, few] = [seen(0.9, 0.5, 0.4), seen(0.9, 0.5, 0.4, 0.5)];
  expect(basis(null, few)).toMatch(/^So far: 1,000 clean and 900 triggered test images\./);
  expect(basis(all, few)).toContain(
    "The table: 2,000 clean and 1,800 triggered test images. The curves look at a part of them: " +
      "1,000 clean and 900 triggered test images.",
  );
  expect(basis(all, all)).not.toContain("part");
  expect(basis(all, all)).toContain("95% confidence intervals");
});
