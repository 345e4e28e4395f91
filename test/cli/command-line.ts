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

  /** @param before what runs before it; imports are relative to the project's root */
  static async build(before = ""): Promise<CommandLine> {
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
      stdin: {
        contents: `${before}\nawait import("./src/cli/main.ts");`,
        ...{ resolveDir: fileURLToPath(root), loader: "ts" },
      },
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
