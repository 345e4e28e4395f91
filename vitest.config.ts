import { existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Shaders are text and compiled kernels promise bytes, as in the esbuild bundles. */
const assets = {
  name: "assets",
  enforce: "pre" as const,
  load(id: string) {
    const path = id.split("?")[0] ?? id;
    if (path.endsWith(".wgsl")) {
      return `export default ${JSON.stringify(readFileSync(path, "utf8"))};`;
    }
    if (path.endsWith(".wasm")) {
      const bytes = readFileSync(path).toString("base64");
      const decoded = `Uint8Array.from(atob(${JSON.stringify(bytes)}), (c) => c.charCodeAt(0))`;
      return `export default async () => ${decoded};`;
    }
    return null;
  },
};

/** From the ground up: when a kernel is broken, its own test says so before the training runs do. */
const storeys = [
  "test/house.test.ts",
  "test/files/",
  "test/device/",
  "test/kernel-check/",
  "test/tensor/",
  "test/autograd/",
  "test/ops/",
  "test/io/",
  "test/optim/",
  "test/nn/",
  "test/schema/",
  "test/property/",
  "test/models/",
  "test/data/",
  "test/attacks/",
  "test/defenses/",
  "test/lab/",
  "test/cli/",
  "test/extending/",
  "test/browser/",
  "test/package/",
];

class FromTheGroundUp extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const storey = ({ moduleId }: TestSpecification) => {
      const found = storeys.findIndex((prefix) => moduleId.includes(`/${prefix}`));
      return found < 0 ? storeys.length : found;
    };
    const byName = (a: TestSpecification, b: TestSpecification) =>
      a.moduleId.localeCompare(b.moduleId);
    return [...files].sort((a, b) => storey(a) - storey(b) || byName(a, b));
  }
}

/** Where distributions put lavapipe's Vulkan driver manifest. */
const manifests = ["lvp_icd.json", "lvp_icd.x86_64.json", "lvp_icd.aarch64.json"].map(
  (file) => `/usr/share/vulkan/icd.d/${file}`,
);

/** Tests, and programs they start, get the software adapter alone; a caller's own choice wins. */
function softwareDriver(): Record<string, string> {
  const { VK_DRIVER_FILES, VK_ICD_FILENAMES, XDG_RUNTIME_DIR = tmpdir() } = process.env;
  const driver = VK_DRIVER_FILES ?? VK_ICD_FILENAMES ?? manifests.find((path) => existsSync(path));
  return { ...(driver && { VK_DRIVER_FILES: driver }), XDG_RUNTIME_DIR };
}

export default defineConfig(({ mode }) => ({
  plugins: [assets],
  // As in tsconfig.json: what the examples import.
  resolve: { alias: { shiftgrad: join(import.meta.dirname, "src/browser.ts") } },
  test: {
    include: ["test/**/*.test.ts"],
    env: { ...softwareDriver(), ...(mode === "faults" && { FAULTS: "all" }) },
    // A process each: a driver that crashes takes one file down, not the run.
    pool: "forks",
    maxWorkers: 2,
    sequence: { sequencer: FromTheGroundUp },
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
}));
