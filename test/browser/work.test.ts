import { expect, test } from "vitest";
import { defaults } from "../../examples/browser/settings.js";
import { clock, Pace, workOf } from "../../examples/browser/work.js";

const settings = { ...defaults, images: 237, epochs: 3, tuningEpochs: 4, batchSize: 50 };

test("the steps of each phase: whole batches for the victim, every image for the methods", () => {
  // Of 237 images the defender has 20: 217 are learned from.
  const work = workOf(settings);
  expect([work.victim.steps, work.ft.steps, work.fst.steps]).toEqual([12, 4, 4]);
  expect(work.victim.share + work.ft.share + work.fst.share).toBeCloseTo(1, 12);
  expect(work.victim.share).toBeGreaterThan(0.5);
});

test("progress is of the whole run, and the time left follows from the pace of this visit", () => {
  const { victim, ft } = workOf(settings);
  const pace = new Pace(settings);
  expect(pace.at("victim", 3, null)).toBeNull();
  expect(pace.share).toBeCloseTo(victim.share / 4, 12);
  expect(pace.at("victim", 6, 100)).toBeNull();
  const left = pace.at("ft", 2, 130);
  expect(pace.share).toBeCloseTo(victim.share + ft.share / 2, 12);
  const rate = (victim.share / 2 + ft.share / 2) / 30;
  expect(left).toBeCloseTo((1.5 * ft.share) / rate, 9);
  expect(pace.at("fst", 4, 140)).toBeCloseTo(0, 9);
});

test("a time is minutes and seconds", () => {
  expect([0, 7.2, 59.5, 61, 754].map(clock)).toEqual(["0:00", "0:08", "1:00", "1:01", "12:34"]);
});
