import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";
import { type ChildOptions, type ChildResult, runNode } from "../support/child.js";

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

  run(args: readonly string[], watch?: ChildOptions["watch"]): Promise<ChildResult> {
    return runNode([join(this.folder, "cli.mjs"), ...args], { cwd: this.folder, watch });
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true });
  }
}
