import { expect, test } from "vitest";
import type { KernelName } from "../../../src/device/kernels.js";
import { kernelCases } from "../../../src/kernel-check/cases/index.js";
import { describeModules } from "../../support/assembled-modules.js";

/** `npx vitest run test/device/webgpu/modules.test.ts -u` writes the files anew. */
test.each(Object.keys(kernelCases) as KernelName[])("the modules of %s", async (kernel) => {
  await expect(describeModules(kernel)).toMatchFileSnapshot(`modules/${kernel}.txt`);
});
