// Runs the property test on as many random programs as asked for.
// Usage: npm run test:property -- [--graphs 2000] [--seed 1] [--device cpu|webgpu]
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    graphs: { type: "string", default: "2000" },
    seed: { type: "string", default: "1" },
    device: { type: "string", default: "" },
  },
});

for (const name of ["graphs", "seed"]) {
  if (!/^[1-9][0-9]*$/.test(values[name])) {
    console.error(`--${name} must be a positive integer, not "${values[name]}"`);
    process.exit(2);
  }
}

const root = join(import.meta.dirname, "..");
const vitest = join(
  dirname(createRequire(import.meta.url).resolve("vitest/package.json")),
  "vitest.mjs",
);
const child = spawn(process.execPath, [vitest, "run", "test/property"], {
  cwd: root,
  stdio: "inherit",
  env: {
    ...process.env,
    SHIFTGRAD_PROPERTY_GRAPHS: values.graphs,
    SHIFTGRAD_PROPERTY_SEED: values.seed,
    ...(values.device && { SHIFTGRAD_TEST_DEVICE: values.device }),
  },
});
child.on("exit", (code, signal) => {
  process.exitCode = signal ? 1 : (code ?? 1);
});
