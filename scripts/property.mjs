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
/**
 * Programs that one process runs. A software adapter maps memory for each compiled pipeline and keeps it:
 * after a thousand programs Linux gives no more maps (vm.max_map_count), and the driver ends the process.
 */
const together = 500;

/** Runs some of the programs; resolves to the exit code. */
const run = (graphs, seed) =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [vitest, "run", "test/property/programs.test.ts"], {
      cwd: root,
      stdio: "inherit",
      env: {
        ...process.env,
        SHIFTGRAD_PROPERTY_GRAPHS: String(graphs),
        SHIFTGRAD_PROPERTY_SEED: String(seed),
        ...(values.device && { SHIFTGRAD_TEST_DEVICE: values.device }),
      },
    });
    child.on("exit", (code, signal) => resolve(signal ? 1 : (code ?? 1)));
  });

const all = Number(values.graphs);
for (let done = 0; done < all && !process.exitCode; done += together) {
  process.exitCode = await run(Math.min(together, all - done), Number(values.seed) + done);
}
