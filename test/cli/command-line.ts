import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command line as users get it: bundled from the source as it is now, in a process of its own. */
export class CommandLine {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async build(): Promise<CommandLine> {
    const root = new URL("../../", import.meta.url);
    const bundle = new URL("scripts/bundle.mjs", root).href;
    const { nodeBundle } = (await import(/* @vite-ignore */ bundle)) as {
      nodeBundle: BuildOptions;
    };
    // Inside the project, so that it finds the optional webgpu package.
    const parent = fileURLToPath(new URL("build/", root));
    await mkdir(parent, { recursive: true });
    const folder = await mkdtemp(join(parent, "cli-"));
    await build({
      ...nodeBundle,
      entryPoints: ["src/cli/main.ts"],
      outfile: join(folder, "cli.mjs"),
    });
    return new CommandLine(folder);
  }

  /** @param watch called with what the process has written to stderr so far */
  run(args: readonly string[], watch?: (stderr: string, child: ChildProcess) => void) {
    return new Promise<Finished>((resolve, reject) => {
      const child = spawn(process.execPath, [join(this.folder, "cli.mjs"), ...args], {
        cwd: this.folder,
        stdio: ["ignore", "pipe", "pipe"],
      });
      let [stdout, stderr] = ["", ""];
      child.stdout.on("data", (chunk: Buffer) => {
        stdout += chunk.toString();
      });
      child.stderr.on("data", (chunk: Buffer) => {
        stderr += chunk.toString();
        watch?.(stderr, child);
      });
      child.on("error", reject);
      child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
    });
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true });
  }
}
