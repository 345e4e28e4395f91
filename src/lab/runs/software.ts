import { createRequire } from "node:module";
import type { Device } from "../../device/device.js";
import { version } from "../records/version.js";

/** The versions that a run record names. Node only. */
export function softwareVersions(device: Device): Record<string, string> {
  return {
    shiftgrad: version,
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    ...(device.kind === "webgpu" && { webgpu: packageVersion("webgpu") }),
  };
}

function packageVersion(name: string): string {
  try {
    const { version: found } = createRequire(import.meta.url)(`${name}/package.json`) as {
      version: string;
    };
    return found;
  } catch {
    return "unknown";
  }
}
