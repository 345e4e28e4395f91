import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { session } from "../../src/cli/session.js";
import { WebGpuDevice } from "../../src/device/webgpu/device.js";
import { RunDirectory } from "../../src/lab/run-directory.js";
import { matmul } from "../../src/ops/matmul.js";
import { empty } from "../../src/tensor/create.js";
import { trainRecord } from "../lab/samples.js";

afterEach(() => {
  vi.restoreAllMocks();
});

const listeners = () =>
  ["SIGINT", "SIGTERM", "SIGHUP"].map((signal) => process.listenerCount(signal));

test.each(["reading what was tuned", "the work"])(
  "a session gives device and signals back when %s fails",
  async (part) => {
    const failure = new Error(`failed: ${part}`);
    const useTuned = vi
      .spyOn(WebGpuDevice.prototype, "useTuned")
      .mockResolvedValue({ choices: {}, stale: 0 });
    if (part !== "the work") useTuned.mockRejectedValue(failure);
    const destroy = vi.spyOn(WebGpuDevice.prototype, "destroy");
    const before = listeners();
    const run = session({ device: "webgpu" }, async () => {
      expect(listeners()).toEqual(before.map((n) => n + 1));
      throw failure;
    });
    await expect(run).rejects.toThrow(failure);
    expect(destroy).toHaveBeenCalledOnce();
    expect(listeners()).toEqual(before);
  },
);

const shapeClass = "matmul nn 32x16x32x1";

/** The variant of a product in a session, and what the session printed. */
async function productIn(variants: string): Promise<{ variant?: string; printed: string }> {
  const tuned = { choices: { [shapeClass]: "rows64x16" }, stale: 0 };
  vi.spyOn(WebGpuDevice.prototype, "useTuned").mockImplementation(async function (
    this: WebGpuDevice,
  ) {
    this.useVariants(tuned.choices);
    return tuned;
  });
  const written = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const found = await session({ device: "webgpu", variants }, async ({ device }) =>
    device.choices(() => matmul(empty(device, [30, 20]), empty(device, [20, 12]))),
  );
  const variant = found.find((choice) => choice.shapeClass === shapeClass)?.variant;
  return { ...(variant && { variant }), printed: written.mock.calls.join("") };
}

test("a session runs tuned variants, presets, or those of an earlier run", async () => {
  const folder = await mkdtemp(join(tmpdir(), "shiftgrad-session-"));
  try {
    const run = new RunDirectory(folder);
    await run.writeRecord({ ...trainRecord, variants: { [shapeClass]: "columns32x32" } });
    expect((await productIn("tuned")).variant).toBe("rows64x16");
    expect((await productIn("preset")).variant).toBe("rows32x16");
    const { variant, printed } = await productIn(folder);
    expect(variant).toBe("columns32x32");
    expect(printed).toContain(`kernels: 1 variant and presets elsewhere, as in ${folder}\n`);
    expect(printed).toContain(`kernels: ${folder} ran on A <processor> & co, this is llvmpipe`);
    await expect(productIn(join(folder, "nowhere"))).rejects.toThrow("is not a run directory");
  } finally {
    await rm(folder, { recursive: true });
  }
});
