import { existsSync } from "node:fs";

/** Where distributions put lavapipe's Vulkan driver manifest. */
const manifests = ["lvp_icd.json", "lvp_icd.x86_64.json", "lvp_icd.aarch64.json"].map(
  (file) => `/usr/share/vulkan/icd.d/${file}`,
);

/** The environment in which Vulkan offers exactly the software adapter; a caller's own choice wins. */
export function softwareGpuEnvironment(): Record<string, string> {
  const driver =
    process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES ?? manifests.find(existsSync);
  return {
    ...(driver ? { VK_DRIVER_FILES: driver } : {}),
    XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? "/tmp",
  };
}

/** Prepares this process; call it before the first device is opened. */
export function useSoftwareGpu(): void {
  Object.assign(process.env, softwareGpuEnvironment());
}
