import { InvalidArgumentError } from "commander";
import { expect, test } from "vitest";
import { assignment, curve, dataSource, integer, number, share } from "../../src/cli/values.js";

test.each([
  ["cifar10:a/b:c", { kind: "cifar10", directory: "a/b:c" }],
  ["synthetic", { kind: "synthetic", train: 6000, test: 2000, seed: 0 }],
  ["synthetic:450", { kind: "synthetic", train: 450, test: 2000, seed: 0 }],
  ["synthetic:450,70", { kind: "synthetic", train: 450, test: 70, seed: 0 }],
])("%s is a source", (text, source) => {
  expect(dataSource(text)).toEqual(source);
});

test.each(["", "cifar10", "cifar10:", "synthetic:", "synthetic:5", "synthetic:1e3", "mnist:x"])(
  "%j is no source",
  (text) => {
    expect(() => dataSource(text)).toThrow(InvalidArgumentError);
  },
);

test("numbers are checked against their range", () => {
  expect(integer(1)("12")).toBe(12);
  expect(() => integer(1)("0")).toThrow("whole number from 1 up");
  expect(() => integer(0, 9)("1e0")).toThrow("whole number in 0 .. 9");
  expect(share("1")).toBe(1);
  expect(() => share("0")).toThrow("above 0 and at most 1");
  expect(number(0)("2.5e-3")).toBe(0.0025);
  expect(() => number(0)("")).toThrow("of at least 0");
  expect(() => number(0)("Infinity")).toThrow("of at least 0");
});

test("settings gather as names and values", () => {
  expect(assignment("picture=smooth", assignment("alpha=0.1"))).toEqual({
    alpha: 0.1,
    picture: "smooth",
  });
  expect(() => assignment("alpha")).toThrow("NAME=VALUE");
});

test("the curve's second number is half the first unless it is given", () => {
  expect(curve("300,7")).toEqual({ clean: 300, triggered: 7 });
  expect(curve("25")).toEqual({ clean: 25, triggered: 13 });
  expect(() => curve("some")).toThrow("CLEAN[,TRIGGERED]");
});
