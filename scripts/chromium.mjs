// The Chromium of this machine, without a window and with WebGPU: for the page's test and benchmarks.
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const flags = ["--headless=new", "--no-sandbox", "--no-first-run", "--enable-unsafe-webgpu"];
const off = ["background-networking", "component-update", "sync", "quic", "gpu-sandbox"];

/**
 * @param {{ adapter?: string | undefined }} [options] `adapter` is Chromium's name for the WebGPU
 *   adapter to use ("swiftshader"), where it shall not choose
 * @throws Error where there is no Chromium
 */
export async function launchChromium({ adapter } = {}) {
  const executablePath = process.env.CHROMIUM_PATH || places.find((path) => existsSync(path));
  if (!executablePath) {
    throw new Error(
      "no Chromium found: run scripts/setup.sh, or set CHROMIUM_PATH to its executable",
    );
  }
  const chosen = adapter ? [`--use-webgpu-adapter=${adapter}`] : [];
  const args = [...flags, ...off.map((what) => `--disable-${what}`), ...chosen];
  return chromium.launch({ executablePath, args });
}
