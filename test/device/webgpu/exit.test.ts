import { expect, test } from "vitest";
import { runProgram } from "../../support/child.js";

/** Opens a device and leaves 40 dispatches over a large tensor behind the last read. */
const busy = `
  import { openWebGpuDevice } from "./src/device/webgpu/device.ts";
  const device = await openWebGpuDevice();
  const slice = (length) => ({ storage: device.allocate(4 * length, "x"), offset: 0, length });
  const x = slice(1_000_003), y = slice(1_000_003);
  device.run("fill", { dst: x, value: 3 });
  for (let i = 0; i < 40; i++) device.run("copy", { src: x, dst: y });
`;
const read = `
  const [first] = new Float32Array(await device.read({ ...y, length: 1 }));
  console.log("read", first);
`;

const programs: readonly [string, string][] = [
  ["after destroy", `${busy}${read} await device.destroy();`],
  ["without destroy", `${busy}${read}`],
  [
    "when validation was switched off",
    `${busy.replace("openWebGpuDevice()", "openWebGpuDevice({ validation: false })")}${read}`,
  ],
  ["with work submitted and never awaited", `${busy} device.flush(); console.log("read 3");`],
  ["with work never submitted", `${busy} console.log("read 3");`],
  [
    "by process.exit with work in flight",
    `${busy} device.flush(); console.log("read 3"); process.exit(0);`,
  ],
  [
    "after two devices, one after the other",
    `${busy}${read} await device.destroy();
     const other = await openWebGpuDevice();
     await other.finish();
     await other.destroy();`,
  ],
  [
    "after the device was lost",
    `${busy} const pending = device.read(y); device.gpu.destroy();
     console.log("read", await pending.catch((error) => error.name === "DeviceLostError" && 3));
     await device.destroy();`,
  ],
];

test.each(programs)("a process ends by itself with code 0 %s", async (_, source) => {
  const { code, signal, stdout, stderr } = await runProgram(source, 40_000);
  expect({ code, signal, stdout, stderr }).toMatchObject({
    code: 0,
    signal: null,
    stdout: "read 3\n",
  });
});

test("an open device costs no processor time while it idles", async () => {
  const { stdout } = await runProgram(`${busy}${read}
    const before = process.cpuUsage();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const { user, system } = process.cpuUsage(before);
    console.log("busy", Math.round((user + system) / 1000));
  `);
  const busyMs = Number(/busy (\d+)/.exec(stdout)?.[1]);
  expect(busyMs).toBeLessThan(200);
});

test("where the webgpu package is missing, the error says what to install", async () => {
  const { stdout } = await runProgram(`
    import { register } from "node:module";
    register("data:text/javascript," + encodeURIComponent(\`
      export function resolve(name, context, next) {
        if (name === "webgpu") throw new Error("Cannot find package 'webgpu'");
        return next(name, context);
      }\`));
    import { openWebGpuDevice } from "./src/device/webgpu/device.ts";
    await openWebGpuDevice().catch((error) => console.log(error.name, error.message));
  `);
  expect(stdout).toMatch(/^DeviceUnavailableError .*npm install webgpu@/);
});
