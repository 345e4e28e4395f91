import { expect, test } from "vitest";
import { backdoorRates, defenseEffectiveness } from "../../src/lab/records/metrics.js";
import { after, before } from "./samples.js";

test("ASR counts the target class, RA the true one", () => {
  // True classes 0 and 2 .. 4, target 1: three fooled, two right, two neither.
  const labels = [0, 2, 3, 4, 2, 0, 3];
  const predictions = [1, 2, 1, 0, 1, 0, 4];
  expect(backdoorRates(predictions, labels, 1)).toEqual({
    attackSuccess: 3 / 7,
    robustAccuracy: 2 / 7,
    triggeredImages: 7,
  });
});

test("images of the target class are refused, as are none and too few predictions", () => {
  expect(() => backdoorRates([1, 1, 1], [0, 1, 2], 1)).toThrow("image 1 is of the target class 1");
  expect(() => backdoorRates([], [], 1)).toThrow("0 predictions for 0 triggered images");
  expect(() => backdoorRates([1], [0, 2], 1)).toThrow("1 predictions for 2 triggered images");
});

test("DER is half of one plus the fall of ASR less the fall of C-ACC", () => {
  expect(defenseEffectiveness(before, after)).toBeCloseTo(
    (0.97 - 0.015 - (0.86 - 0.79) + 1) / 2,
    12,
  );
  expect(defenseEffectiveness(before, before)).toBe(0.5);
});

test("DER takes no credit for a rise of either", () => {
  const better = { ...after, cleanAccuracy: 0.93 };
  expect(defenseEffectiveness(before, better)).toBeCloseTo((0.97 - 0.015 + 1) / 2, 12);
  expect(defenseEffectiveness(after, before)).toBe(0.5);
});

test("there is no DER without an attack", () => {
  const clean = { ...before, backdoor: null };
  expect(defenseEffectiveness(clean, clean)).toBeNull();
});
