import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { wasmDeltas } from "../../../scripts/wasm-delta.mjs";

const source = new URL("../../../src/device/cpu/open.ts", import.meta.url).pathname;
let folder = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "shiftgrad-cpu-"));
  await build({
    ...{ entryPoints: [source], outfile: join(folder, "open.mjs"), bundle: true, format: "esm" },
    ...{ platform: "node", target: "node20.19", loader: { ".wgsl": "text" } },
    plugins: [wasmDeltas],
  });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a script that has an open device with a tensor of nines on its queue. */
function run(options: string, rest: string): { status: number | null; output: string } {
  const script = join(folder, "script.mjs");
  writeFileSync(
    script,
    `import { openCpuDevice } from "./open.mjs";
     const device = await openCpuDevice(${options});
     const x = { storage: device.allocate(400, "x"), offset: 0, length: 100 };
     device.run("fill", { dst: x, value: 9 });
     ${rest}`,
  );
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], {
    ...{ encoding: "utf8", timeout: 30_000 },
  });
  return { status, output: stdout + stderr };
}

const nines = "console.log(new Float32Array(await device.read(x))[99]);";

describe.each(["{}", "{ threads: 3 }", "{ workers: false }"])("a process with %s", (options) => {
  test.each([
    { title: "that reads and never destroys", rest: nines },
    { title: "that reads and destroys", rest: `${nines} await device.destroy();` },
    {
      title: "that only awaits a read",
      rest: `device.read(x).then((b) => console.log(new Float32Array(b)[7]));`,
    },
  ])("$title ends by itself with code 0", ({ rest }) => {
    expect(run(options, rest)).toEqual({ status: 0, output: "9\n" });
  });

  test("that leaves work on the queue ends by itself with code 0", () => {
    expect(run(options, "device.flush();")).toEqual({ status: 0, output: "" });
  });

  test("whose kernel faults with nobody awaiting ends by itself with code 0", () => {
    const fault =
      'device.run("fill", { dst: { ...x, offset: 2 ** 29 }, value: 1 }); device.flush();';
    const { status } = run(options, `${fault} await new Promise((r) => setTimeout(r, 200));`);
    expect(status).toBe(0);
  });
});

test("the CPU device bundles for the browser without a trace of node modules", async () => {
  const bundle = await build({
    ...{ entryPoints: [source], bundle: true, format: "esm", platform: "browser", write: false },
    ...{ loader: { ".wgsl": "text" }, plugins: [wasmDeltas], logLevel: "silent" },
  });
  expect(bundle.errors).toEqual([]);
  expect(bundle.outputFiles[0]?.text).not.toMatch(/\bfrom\s*["']node:|import\(["']node:|require\(/);
});
