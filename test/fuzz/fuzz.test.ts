import { join } from "node:path";
import { expect, test } from "vitest";
import { runNode } from "../support/child.js";

const script = join(import.meta.dirname, "../../scripts/fuzz.mjs");

test("10,000 hostile files end typed, in time, in memory and without garbage", async () => {
  const { code, stdout, stderr } = await runNode([script, "--inputs", "10000"], {
    timeout: 180_000,
  });
  expect(stderr).toBe("");
  expect(stdout).toMatch(/^10000 inputs from seed 1: \d{4} read, 0 ended wrongly/);
  expect(code).toBe(0);
}, 200_000);
