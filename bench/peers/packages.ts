import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Case, isMixed } from "../cases.js";

/** Frameworks in JavaScript to compare with, and the exact packages they are. */
export const packages = {
  "jax-js": { "@jax-js/jax": "0.1.25" },
  tfjs: { "@tensorflow/tfjs-core": "4.22.0", "@tensorflow/tfjs-backend-webgpu": "4.22.0" },
} as const;

export type ScriptPeer = keyof typeof packages;

export const isScriptPeer = (name: string): name is ScriptPeer => Object.hasOwn(packages, name);

/**
 * Whether a peer, these or PyTorch, has an operation that does what the case does. PyTorch's mixed
 * precision in f16 is for CUDA.
 */
export function runsCase(peer: string, c: Case, cuda: boolean): boolean {
  if (isMixed(c)) return cuda;
  if (!isScriptPeer(peer)) return c.kind !== "augment";
  if (c.kind === "batchNorm") return !c.fused;
  return c.kind === "matmul" || c.kind === "conv" || c.kind === "resnet";
}

/** Installs a peer's packages into `folder` unless they are there; returns where they lie. */
export function installPackages(peer: ScriptPeer, folder: string): string {
  const modules = join(folder, "node_modules");
  const wanted: [string, string][] = Object.entries(packages[peer]);
  if (wanted.every(([name, version]) => installedVersion(modules, name) === version)) {
    return modules;
  }
  mkdirSync(folder, { recursive: true });
  // npm installs into the nearest folder with a package.json.
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  const names = wanted.map(([name, version]) => `${name}@${version}`);
  const quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-save"];
  execFileSync("npm", ["install", ...quiet, ...names], { cwd: folder, stdio: "inherit" });
  return modules;
}

function installedVersion(modules: string, name: string): string | undefined {
  const file = join(modules, name, "package.json");
  if (!existsSync(file)) return undefined;
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
