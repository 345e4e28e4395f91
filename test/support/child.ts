import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { wasmDeltas } from "../../scripts/wasm-delta.mjs";

const root = join(import.meta.dirname, "../..");

export interface ChildResult {
  /** null when a signal ended the process. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Bundles a TypeScript program, whose imports are relative to the project's root, and runs it in a
 * Node process of its own with the tests' Vulkan driver; the process is killed after `timeout` ms.
 */
export const runProgram = (source: string, timeout = 60_000): Promise<ChildResult> =>
  withProgram(source, (file) => runNode([file], { timeout }));

/** Bundles such a program for as long as `use` goes on. */
export async function withProgram<T>(
  source: string,
  use: (file: string) => Promise<T>,
): Promise<T> {
  // Inside the project, so that the program finds the optional webgpu package.
  mkdirSync(join(root, "build"), { recursive: true });
  const folder = mkdtempSync(join(root, "build/child-"));
  const outfile = join(folder, "program.mjs");
  try {
    await build({
      stdin: { contents: source, resolveDir: root, loader: "ts" },
      bundle: true,
      format: "esm",
      platform: "node",
      target: "node20",
      external: ["webgpu"],
      loader: { ".wgsl": "text" },
      plugins: [wasmDeltas],
      logLevel: "warning",
      outfile,
    });
    return await use(outfile);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export interface ChildOptions {
  readonly cwd?: string;
  /** Milliseconds until it is killed. */
  readonly timeout?: number;
  /** Called with what the process has written to stderr so far. */
  readonly watch?: ((stderr: string, child: ChildProcess) => void) | undefined;
}

/** Runs Node with these arguments. */
export function runNode(
  args: readonly string[],
  { watch, ...options }: ChildOptions = {},
): Promise<ChildResult> {
  const child = spawn(process.execPath, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
    watch?.(stderr, child);
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}
