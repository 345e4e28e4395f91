import { afterEach, expect, test, vi } from "vitest";
import { session } from "../../src/cli/session.js";
import { WebGpuDevice } from "../../src/device/webgpu/device.js";

afterEach(() => {
  vi.restoreAllMocks();
});

const listeners = () => ["SIGINT", "SIGTERM"].map((signal) => process.listenerCount(signal));

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
