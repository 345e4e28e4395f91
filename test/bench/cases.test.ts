import { expect, test } from "vitest";
import { bytesOf, cases, casesFor, flopsOf } from "../../bench/cases.js";
import { runsCase } from "../../bench/peers/packages.js";
import { time } from "../../bench/runner.js";

const names = (filter: string, large = false): string[] =>
  casesFor(filter, large).map(({ name }) => name);

test("large cases run by their whole name or when they are asked for", () => {
  const small = cases.filter(({ large }) => !large).map(({ name }) => name);
  expect(names("")).toEqual(small);
  expect(names("matmul")).toEqual(["matmul:256", "matmul:512", "matmul:1024"]);
  expect(names("matmul", true)).toContain("matmul:4096");
  expect(names("matmul:4096")).toEqual(["matmul:4096"]);
  expect(names("maxPool,resnet18:w64:b128:train")).toEqual([
    "maxPool:64:32",
    "resnet18:w64:b128:train",
  ]);
  expect(names("", true)).toEqual(cases.map(({ name }) => name));
  expect(() => names("matmul:40")).toThrow(/no case has "matmul:40" .* matmul:4096 \(large\)/);
});

test("every case has a name of its own and something to count", () => {
  expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  for (const c of cases) expect(flopsOf(c) + bytesOf(c)).toBeGreaterThan(0);
});

test("a peer without a mode of ours is left out of its cases", () => {
  const [mixed] = casesFor("resnet18:w16:b16:train:mixed", false);
  const [single] = casesFor("resnet18:w16:b16:train", false);
  if (!mixed || !single) throw new Error("the step at width 16 is gone");
  expect(runsCase("torch", mixed, true)).toBe(true);
  expect(runsCase("torch", mixed, false)).toBe(false);
  expect(runsCase("jax-js", mixed, false)).toBe(false);
  for (const peer of ["torch", "jax-js", "tfjs"]) expect(runsCase(peer, single, false)).toBe(true);
});

test("a sample of queued runs is the time of one", async () => {
  const done: string[] = [];
  const prepared = {
    enqueue: () => {
      done.push("enqueue");
    },
    run: async () => {
      done.push("run");
    },
    release: () => {},
  };
  expect(await time(prepared, 2, 3)).toHaveLength(2);
  expect(done).toEqual(["enqueue", "enqueue", "run", "enqueue", "enqueue", "run"]);
  await expect(time({ run: prepared.run, release: prepared.release }, 1, 2)).rejects.toThrow(
    /leave out --queue/,
  );
});
