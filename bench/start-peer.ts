import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { Peer, type PeerOptions } from "./peer.js";
import { isScriptPeer } from "./peers/packages.js";

/** Starts a peer's process, PyTorch or one that is installed on demand. */
export async function startPeer(root: string, name: string, options: PeerOptions): Promise<Peer> {
  if (name === "torch") {
    return Peer.start(pythonWithTorch(), [join(root, "bench/peers/torch_peer.py")], options);
  }
  if (!isScriptPeer(name)) {
    throw new RangeError(`--peer must be torch, jax-js or tfjs, not ${name}`);
  }
  // Only here, for machines that have this bundle and no development packages.
  const { bundlePeer, bundlePeerProcess } = await import("./peers/bundle.js");
  const files = [await bundlePeerProcess(root), await bundlePeer(root, name, "node")];
  return Peer.start(process.execPath, files, options);
}

const findTorch = "import importlib.util as u, sys; sys.exit(u.find_spec('torch') is None)";

/** PYTHON's value, or the first python3 that has PyTorch. */
function pythonWithTorch(): string {
  const { PYTHON } = process.env;
  if (PYTHON) return PYTHON;
  const candidates = ["python3", "/usr/bin/python3"];
  const found = candidates.find((python) => spawnSync(python, ["-c", findTorch]).status === 0);
  if (found) return found;
  throw new Error(
    `none of ${candidates.join(", ")} has PyTorch: install it (Debian: python3-torch), or name a ` +
      "Python that has it by the environment variable PYTHON",
  );
}
