import { execFile } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const run = promisify(execFile);
const root = join(import.meta.dirname, "../..");
const tsc = join(root, "node_modules/typescript/bin/tsc");
const home = mkdtempSync(join(tmpdir(), "shiftgrad-package-"));
const project = join(home, "project");

/** Packs a copy, so that nothing else in this checkout sees its build come and go. */
async function pack(): Promise<string> {
  const copy = join(home, "copy");
  mkdirSync(copy);
  const kept = ["src", "shaders", "scripts", "package.json", ".npmrc", "LICENSE", "README.md"];
  for (const name of [...kept, "tsconfig.json", "tsconfig.types.json"]) {
    if (existsSync(join(root, name)))
      cpSync(join(root, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  // The kernels are built where they were not built of the same sources before.
  cpSync(join(root, "build/kernels"), join(copy, "build/kernels"), { recursive: true });
  await run("npm", ["pack", "--pack-destination", home], { cwd: copy });
  const tarball = readdirSync(home).find((name) => name.endsWith(".tgz"));
  if (!tarball) throw new Error("npm pack left no tarball");
  return join(home, tarball);
}

async function script(name: string, code: string): Promise<string> {
  writeFileSync(join(project, name), code);
  const { stdout } = await run(process.execPath, [name], { cwd: project });
  return stdout;
}

beforeAll(async () => {
  const tarball = await pack();
  mkdirSync(project);
  const manifest = { name: "consumer", private: true, type: "module" };
  writeFileSync(join(project, "package.json"), JSON.stringify(manifest));
  await run("npm", ["install", "--offline", "--no-audit", "--no-fund", tarball], { cwd: project });
}, 180_000);

afterAll(() => rmSync(home, { recursive: true, force: true }));

describe("the packed package in an empty project", () => {
  test("brings nothing with it", () => {
    const installed = readdirSync(join(project, "node_modules")).filter((n) => !n.startsWith("."));
    expect(installed).toEqual(["shiftgrad"]);
    const manifest = JSON.parse(
      readFileSync(join(project, "node_modules/shiftgrad/package.json"), "utf8"),
    );
    expect(manifest.dependencies ?? {}).toEqual({});
    expect(manifest.peerDependenciesMeta).toEqual({ webgpu: { optional: true } });
  });

  test("computes on the CPU device and exits by itself", async () => {
    const out = await script(
      "compute.mjs",
      `import { matmul, openDevice, Tensor, tensor } from "shiftgrad";
       import * as core from "shiftgrad/core";
       const device = await openDevice({ kind: "cpu" });
       const a = tensor(device, [1, 2, 3, 4, 5, 6], [2, 3]);
       const b = core.tensor(device, [1, -1, 0.5, 2, 3, -4], [3, 2]);
       const c = await matmul(a, b).read();
       await device.destroy();
       console.log(JSON.stringify({ c: [...c], same: core.Tensor === Tensor }));`,
    );
    expect(JSON.parse(out)).toEqual({ c: [11, -9, 24.5, -18], same: true });
  });

  test("trains a narrow ResNet-18", async () => {
    const out = await script(
      "train.mjs",
      `import { constantRate, fit, openDevice, place, resnet18, SGD, syntheticShapes } from "shiftgrad";
       const device = await openDevice({ kind: "cpu" });
       const model = resnet18({ width: 4 });
       place(model, device, { seed: 3 });
       const optimizer = new SGD(model, { lr: 0.05, momentum: 0.9 });
       const { train } = syntheticShapes({ train: 30, test: 0, seed: 5, size: 16 });
       const losses = [];
       await fit(model, train, optimizer, {
         epochs: 12, batchSize: 15, seed: 7, schedule: constantRate(0.05),
         onStep: ({ loss }) => losses.push(loss),
       });
       await device.destroy();
       console.log(JSON.stringify(losses));`,
    );
    const losses: number[] = JSON.parse(out);
    expect(losses).toHaveLength(24);
    const mean = (part: number[]) => part.reduce((sum, loss) => sum + loss, 0) / part.length;
    expect(mean(losses.slice(-4))).toBeLessThan(0.8 * mean(losses.slice(0, 4)));
  });

  const consumer = `
    import { type Device, openDevice, resnet18, tensor, type Tensor } from "shiftgrad";
    import { matmul } from "shiftgrad/core";
    export async function use(): Promise<number> {
      const device: Device = await openDevice({ kind: "cpu" });
      const x: Tensor = tensor(device, [1, 2], [1, 2]);
      const y: Tensor = matmul(x, x, { transB: true });
      const count: number = resnet18({ width: 16 }).parameterCount;
      // @ts-expect-error: a device is not a number, so the types are not "any".
      const wrong: number = device;
      return count + wrong + (await y.item());
    }`;

  test.each([
    ["nodenext", "nodenext", []],
    ["bundler", "esnext", []],
    ["bundler", "esnext", ["browser"]],
  ])(
    "has types for moduleResolution %s, module %s, conditions %j",
    async (resolution, module, customConditions) => {
      writeFileSync(join(project, "consumer.ts"), consumer);
      const compilerOptions = {
        ...{ strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, noEmit: true },
        ...{ target: "es2022", lib: ["es2022", "dom"], types: [] },
        ...{ module, moduleResolution: resolution, customConditions },
      };
      const settings = { compilerOptions, files: ["consumer.ts"] };
      writeFileSync(join(project, "tsconfig.json"), JSON.stringify(settings));
      const { stdout } = await run(process.execPath, [tsc], { cwd: project }).catch(
        (error) => error,
      );
      expect(stdout).toBe("");
    },
  );

  test("puts the command line on the path", async () => {
    const args = ["--offline", "--no-install", "shiftgrad"];
    const { stdout } = await run("npx", [...args, "--help"], { cwd: project });
    expect(stdout).toContain("purify");
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const shown = await run("npx", [...args, "--version"], { cwd: project });
    expect(shown.stdout.trim()).toBe(version);
  });
});
