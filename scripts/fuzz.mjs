// Feeds the readers of files with what nobody should write. Usage:
// node scripts/fuzz.mjs [--inputs 10000] [--seed 1]
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { build } from "esbuild";

const root = join(import.meta.dirname, "..");
const program = join(root, "build/fuzz.mjs");
await build({
  entryPoints: [join(root, "test/fuzz/main.ts")],
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  logLevel: "warning",
  outfile: program,
});
const { status } = spawnSync(process.execPath, [program, ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
});
process.exitCode = status ?? 1;
