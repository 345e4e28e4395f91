import { join } from "node:path";
import { build } from "esbuild";
import { browserBundle, nodeBundle } from "../../scripts/bundle.mjs";
import { installPackages, type ScriptPeer } from "./packages.js";

/**
 * Installs a peer's packages and bundles it with them into `folder`; returns the bundle. Both
 * bundles read the packages' ES modules: TensorFlow.js's gradients register with no other build.
 */
export async function bundlePeer(
  root: string,
  peer: ScriptPeer,
  target: "node" | "browser",
): Promise<string> {
  const folder = join(root, "build/peers", peer);
  const nodePaths = [installPackages(peer, folder)];
  const outfile = join(folder, `${target}.js`);
  const entryPoints = [join(root, `bench/peers/${peer}.ts`)];
  const options = target === "node" ? nodeBundle : browserBundle;
  const mainFields = ["module", "main"];
  await build({ ...options, entryPoints, outfile, nodePaths, mainFields });
  return outfile;
}

/** Bundles the program that offers a peer's bundle to another process. */
export async function bundlePeerProcess(root: string): Promise<string> {
  const outfile = join(root, "build/peers/process.js");
  await build({ ...nodeBundle, entryPoints: [join(root, "bench/peers/process.ts")], outfile });
  return outfile;
}
