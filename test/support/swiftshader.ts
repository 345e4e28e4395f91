import { existsSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * Makes Chromium's SwiftShader the Vulkan driver of this process; call it before WebGPU is opened,
 * in a test file of its own.
 *
 * @throws Error where no Chromium has one
 */
export function useSwiftShader(): void {
  const { CHROMIUM_PATH } = process.env;
  const folders = [
    ...(CHROMIUM_PATH ? [dirname(realpathSync(CHROMIUM_PATH))] : []),
    ...["/usr/lib/chromium", "/usr/lib/chromium-browser", "/opt/google/chrome"],
  ];
  const manifest = folders.map((f) => join(f, "vk_swiftshader_icd.json")).find(existsSync);
  if (!manifest) {
    throw new Error(
      `no SwiftShader (vk_swiftshader_icd.json) in ${folders.join(", ")}: run scripts/setup.sh, ` +
        "or set CHROMIUM_PATH to an executable with one beside it",
    );
  }
  process.env.VK_DRIVER_FILES = manifest;
}
